// The options of a download, checked.
import type { ChecksumAlgorithm } from '../base/page-run.ts';
import type { RateLimit } from '../base/rate-timetable.ts';
import type { SkipFree } from '../base/skip-free.ts';
import { UsageError } from '../errors.ts';
import type { DownloadOptions, Threads } from '../options.ts';
import type { BlobAccess } from '../remote/connect.ts';
import { type ReadTargetOptions, readAccessOf } from '../remote/read-target.ts';
import { formatOfName, LOCAL_IMAGE_FORMATS, type LocalImageFormat } from '../target/local-image.ts';
import { type Concurrency, concurrencyOf } from '../transfer/concurrency-limits.ts';
import { checkChecksum, checkMaxRate, checkRetryOptions, checkSkipFree, sparseOf } from '../validate-options.ts';
import { nameSource } from './name-source.ts';

export interface Settings {
  /** How to reach the blob or the disk. */
  readonly reading: ReadTargetOptions;
  /** Undefined for a managed disk by its name. */
  readonly access: BlobAccess | undefined;
  readonly maxRate: RateLimit;
  readonly threads: Threads;
  readonly concurrency: Concurrency;
  readonly checksum: ChecksumAlgorithm;
  readonly output: string;
  readonly format: LocalImageFormat;
  readonly sparse: boolean;
  readonly overwrite: boolean;
  readonly restart: boolean;
  readonly verify: 'none' | 'content';
  /** Path of the manifest. */
  readonly manifest: string | undefined;
  /** Which free space of the guest is left out. */
  readonly skipFree: SkipFree | undefined;
  readonly signal: AbortSignal;
}

function accessOf(reading: ReadTargetOptions): BlobAccess | undefined {
  try {
    return readAccessOf(reading, { name: 'The source', command: 'A download' });
  } catch (error) {
    throw nameSource(error);
  }
}

/** @throws {UsageError | CredentialError} */
export function settingsOf(options: DownloadOptions): Settings {
  checkRetryOptions(options);
  const {
    source,
    output,
    format = formatOfName(options.output),
    verify = 'content',
    maxRate: givenRate,
    ...others
  } = options;
  if (!LOCAL_IMAGE_FORMATS.includes(format)) {
    throw new UsageError(`format must be one of ${LOCAL_IMAGE_FORMATS.join(', ')}, but is ${format}.`);
  }
  if (verify !== 'none' && verify !== 'content') {
    throw new UsageError(`verify must be none or content, but is ${String(verify)}.`);
  }
  if (checkSkipFree(options.skipFree) !== undefined && options.manifest !== undefined) {
    throw new UsageError(
      'A manifest proves all data of the blob, and skipFree (--skip-free) leaves a part of it out: give only one of them.',
    );
  }
  const maxRate = checkMaxRate(givenRate);
  const reading = { ...others, ...(source === undefined ? {} : { destination: source }), maxReadRate: maxRate };
  return {
    reading,
    access: accessOf(reading),
    maxRate,
    threads: options.threads ?? 'auto',
    concurrency: concurrencyOf(options.threads),
    checksum: checkChecksum(options.checksum),
    ...{ output, format, verify },
    sparse: sparseOf(options.sparse),
    overwrite: options.overwrite === true,
    restart: options.restart === true,
    manifest: options.manifest,
    skipFree: options.skipFree,
    signal: options.signal ?? new AbortController().signal,
  };
}
