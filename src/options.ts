// The options of the verbs, as the library takes them. The command line has the same names in kebab-case.
import pLimit from 'p-limit';
import type { Credential, RenewSas } from './azure/auth/credentials.ts';
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm } from './base/page-run.ts';
import { UsageError } from './errors.ts';
import type { EventListener } from './events.ts';
import type { OpenDiskImageOptions } from './image/disk-image.ts';
import type { RetryOptions } from './transfer/retry.ts';

/** How an image is found and opened. */
export type ImageOptions = Pick<
  OpenDiskImageOptions,
  'format' | 'parentPaths' | 'allowNetworkParents' | 'trustUnmarkedSectors'
>;

/** Options of every verb that moves data. */
export interface TransferVerbOptions extends ImageOptions {
  /** Path of the image. */
  readonly image: string;
  /** Requests of at most 4 MiB in flight at once, 1 to 64 at most, or as many as pays. @default 'auto' */
  readonly threads?: Threads;
  readonly signal?: AbortSignal;
  readonly onEvent?: EventListener;
}

/** Options of every verb that speaks to the service. */
export interface ServiceOptions extends RetryOptions {
  /** URL of the blob, with or without a SAS; or `container/blob` when `serviceUrl` is given. */
  readonly destination: string;
  /** Blob endpoint of the account, for a destination of the form `container/blob`. */
  readonly serviceUrl?: string;
  /** How to sign requests when the destination carries no SAS. @default Microsoft Entra, as `DefaultAzureCredential` finds it */
  readonly credential?: Credential;
  /** Asked for another SAS when the one in use has ended; the work waits for it. @default none: the work stops, and can go on later */
  readonly renewSas?: RenewSas;
  /** What covers each request. @default 'crc64'; with a manifest that is verified, the manifest's */
  readonly checksum?: ChecksumAlgorithm;
  /** A connection that moves no byte for so long is given up and the request sent again, in milliseconds. @default 60,000 */
  readonly stallTimeoutMs?: number;
}

export interface UploadOptions extends TransferVerbOptions, ServiceOptions {
  /** Replace a page blob that is there already. @default false */
  readonly overwrite?: boolean;
  /** Path of the checkpoint. @default the image's path with `.vhdup.json` added */
  readonly checkpoint?: string;
  /** Forget an earlier run, and begin again. @default false */
  readonly restart?: boolean;
  /** Go on with an unfinished upload of this image although its checkpoint is lost: the blob says what is there. @default false */
  readonly resumeFromBlob?: boolean;
  /** Take the blob from whoever holds a lease on it. @default false */
  readonly breakLease?: boolean;
  /** Create the container if there is none. @default false */
  readonly createContainer?: boolean;
  /** Metadata of the blob, beside our own. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Path of a file that gets what was sent, range by range with its checksum. @default none */
  readonly manifest?: string;
  /** Compute the MD5 of the whole VHD, and make it the blob's Content-MD5. @default false */
  readonly contentMd5?: boolean;
  /**
   * What is compared at the end: nothing, the page ranges with what was sent, or every page with the image.
   * @default 'ranges', and 'unverified' where nothing proves that only this upload has written to the blob
   */
  readonly verify?: VerifyLevel | 'map';
  /** Bytes per second that are sent at most. @default no limit */
  readonly maxRate?: number;
  /** Send the disk even if Azure would surely refuse it. @default false */
  readonly skipChecks?: boolean;
}

export interface VerifyOptions extends TransferVerbOptions, ServiceOptions {
  /** Read every page of the blob back. @default false: compare the list of its pages alone */
  readonly full?: boolean;
  /** Path of the upload's manifest: the image is compared with the checksums that were sent, too. @default none */
  readonly manifest?: string;
  /** Path of the file that keeps the state of `full` between runs. @default the image's path with `.vhdup-verify.json` added */
  readonly checkpoint?: string;
  /** Forget an earlier run, and begin again. @default false */
  readonly restart?: boolean;
}

/** How an upload is verified at its end. */
export const VERIFY_LEVELS = ['none', 'ranges', 'full'] as const;
export type VerifyLevel = (typeof VERIFY_LEVELS)[number];

/** What was compared in the end. `unverified`: the page ranges, and every page that something else may have written to. */
export type VerifiedLevel = VerifyLevel | 'unverified';

/** `auto`: as many as the line and the service bear. */
export type Threads = number | 'auto';

export const MAX_THREADS = 64;

/** Windows that `auto` holds in memory at most: 32 MiB, enough for 250 MB/s at 100 ms. Requests that send less than a window are more. */
const AUTO_WINDOWS = 8;

/** For work on this machine alone. */
const LOCAL_THREADS = 8;
/**
 * 204 MiB, and reading back takes 12 more for the image: with 54 windows and all there is (TLS, an MD5 of the whole, a manifest) a
 * process takes 345 MiB at its peak, and 350 are promised.
 */
const MAX_WINDOWS = 51;

export interface Concurrency {
  /** Requests in flight at most. */
  readonly maxRequests: number;
  /** Windows of 4 MiB in memory at most, of what is sent or received. */
  readonly maxWindows: number;
}

/** @throws {UsageError} neither `auto` nor an integer from 1 to 64. */
export function concurrencyOf(threads: Threads = 'auto'): Concurrency {
  if (threads === 'auto') return { maxRequests: MAX_THREADS, maxWindows: AUTO_WINDOWS };
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    throw new UsageError(`threads must be auto or an integer from 1 to ${MAX_THREADS}, but is ${threads}.`);
  }
  // One more is read ahead while the others are sent.
  return { maxRequests: threads, maxWindows: Math.min(threads + 1, MAX_WINDOWS) };
}

/** Where memory bounds what a number of threads does; undefined elsewhere. */
export function threadsWarning({ maxRequests, maxWindows }: Concurrency): string | undefined {
  if (maxRequests <= maxWindows || maxWindows < MAX_WINDOWS) return undefined;
  return `--threads ${maxRequests}: at most ${maxWindows} windows of 4 MiB are in memory at once. Dense data is moved in up to ${maxWindows} requests at once, scattered data in up to ${maxRequests}.`;
}

/** Windows in flight for work that stays on this machine. */
export function localConcurrency(threads: Threads = 'auto') {
  const { maxRequests, maxWindows } = concurrencyOf(threads === 'auto' ? LOCAL_THREADS : threads);
  return { limit: pLimit(maxRequests), maxWindows };
}

/** @throws {UsageError} not one of the algorithms. */
export function checkChecksum(checksum: ChecksumAlgorithm = 'crc64'): ChecksumAlgorithm {
  if (!CHECKSUM_ALGORITHMS.includes(checksum)) {
    throw new UsageError(`checksum must be one of ${CHECKSUM_ALGORITHMS.join(', ')}, but is ${checksum}.`);
  }
  return checksum;
}

/**
 * @param asked - `map` is an older name of `ranges`.
 * @throws {UsageError} not one of the levels.
 */
export function checkVerify(asked: VerifyLevel | 'map' | undefined): VerifyLevel | undefined {
  const level = asked === 'map' ? 'ranges' : asked;
  if (level !== undefined && !VERIFY_LEVELS.includes(level)) {
    throw new UsageError(`verify must be one of ${VERIFY_LEVELS.join(', ')}, but is ${level}.`);
  }
  return level;
}

/** The service's limit for names and values together, in bytes, less what our own metadata takes. */
const MAX_METADATA = 8 * 1024 - 2048;

/** @throws {UsageError} a name that is no C# identifier, a value that HTTP cannot carry, a name of ours, or too much. */
export function checkMetadata(metadata: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  let size = 0;
  const names = new Set<string>();
  for (const [name, value] of Object.entries(metadata)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new UsageError(
        `The metadata name "${name}" must begin with a letter or _ and go on with letters, digits and _.`,
      );
    }
    if (name.toLowerCase().startsWith('vhdup_')) {
      throw new UsageError(`The metadata name "${name}" is taken: names that begin with vhdup_ are ours.`);
    }
    if (!/^[\x20-\x7e]*$/.test(value) || value !== value.trim()) {
      throw new UsageError(`The metadata value of "${name}" must be printable ASCII without blanks at its ends.`);
    }
    if (names.has(name.toLowerCase())) {
      throw new UsageError(`The metadata name "${name}" is there twice: HTTP does not tell upper from lower case.`);
    }
    names.add(name.toLowerCase());
    size += name.length + value.length;
  }
  if (size > MAX_METADATA) {
    throw new UsageError(`The metadata has ${size} bytes in all; Azure stores at most ${MAX_METADATA} beside our own.`);
  }
  return metadata;
}

/** @throws {UsageError} options that contradict one another. */
export function checkResumeOptions({ restart, resumeFromBlob }: UploadOptions): void {
  if (restart === true && resumeFromBlob === true) {
    throw new UsageError('restart begins from the beginning, resumeFromBlob goes on: only one of them can be given.');
  }
}

/** What a timer of Node holds, in milliseconds; a longer one would be over at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Below this, in bytes per second, connections would look dead. */
const MIN_RATE = 1024;

/** @throws {UsageError} not a number, or too small. */
export function checkMaxRate(maxRate: number = Number.POSITIVE_INFINITY): number {
  if (!(maxRate >= MIN_RATE)) {
    throw new UsageError(`maxRate must be at least ${MIN_RATE} bytes per second, but is ${maxRate}.`);
  }
  return maxRate;
}

/** @throws {UsageError} a number of milliseconds or tries that is no number, negative, or too large for a timer. */
export function checkRetryOptions(options: RetryOptions & { stallTimeoutMs?: number }): void {
  for (const name of [
    'retries',
    'giveUpAfterMs',
    'attemptTimeoutMs',
    'retryDelayMs',
    'maxRetryDelayMs',
    'stallTimeoutMs',
  ] as const) {
    const value = options[name];
    if (value !== undefined && (Number.isNaN(value) || value < 0)) {
      throw new UsageError(`${name} must not be negative, but is ${value}.`);
    }
  }
  for (const name of ['attemptTimeoutMs', 'retryDelayMs', 'maxRetryDelayMs', 'stallTimeoutMs'] as const) {
    const value = options[name] ?? 1;
    if (value > MAX_TIMER_MS)
      throw new UsageError(`${name} must be at most ${MAX_TIMER_MS} (24 days), but is ${value}.`);
    if (value === 0 && name.endsWith('TimeoutMs')) {
      throw new UsageError(`${name} must be more than 0: nothing could be done in no time.`);
    }
  }
}
