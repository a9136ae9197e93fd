// verifyBlob: proves that a page blob holds the disk of an image, or tells where it does not.

import { PAGE_SIZE } from '../base/byte-range.ts';
import { DestinationError, VerificationError } from '../errors.ts';
import { shielded } from '../events.ts';
import { asFixedVhd, type FixedVhdView } from '../image/fixed-vhd-view.ts';
import { openDiskImage } from '../image/open-disk-image.ts';
import { isFixedFooter } from '../image/vhd/footer.ts';
import type { VerifyOptions } from '../options.ts';
import { accessOf, connect, warnOfPlainHttp, warnOfThreads } from '../remote/connect.ts';
import { isUnfinished, STATE, UPLOAD_ID } from '../state/blob-metadata.ts';
import { ManifestReader } from '../state/manifest-reader.ts';
import type { BlobProperties, PageBlobTarget } from '../target/page-blob.ts';
import { pageChecksum } from '../transfer/checksum.ts';
import { concurrencyOf } from '../transfer/concurrency-limits.ts';
import { Line } from '../transfer/congestion-control.ts';
import type { Retrier } from '../transfer/retry.ts';
import { WindowMemory } from '../transfer/window-memory.ts';
import { checkChecksum, checkRetryOptions } from '../validate-options.ts';
import { compareBlob } from './compare-blob.ts';
import type { DifferenceSummary } from './differences.ts';
import { readBack } from './read-range.ts';
import { VerificationState, type Verified } from './verification-state.ts';

export interface VerifyResult {
  /** Without SAS. */
  readonly url: string;
  /** `map`: the list of pages was compared; `full`: all bytes were. */
  readonly method: 'map' | 'full';
  /** Whether there is no difference. */
  readonly matches: boolean;
  readonly differences: DifferenceSummary;
  /** Length of the blob in bytes. */
  readonly blobSize: number;
  /** Virtual size of the image in bytes. */
  readonly diskSize: number;
  /** Bytes read from the image by this run. */
  readonly read: number;
  /** Bytes read back from the blob by this run. */
  readonly readBack: number;
  /** Bytes read back by earlier runs. */
  readonly readBackBefore: number;
  /** Bytes that the blob lists and that are zero in the image: only `full` shows whether they are zero in the blob. */
  readonly unjudged: number;
  readonly requests: number;
  readonly retries: number;
  /** Requests whose bytes arrived damaged and were read again. */
  readonly checksumMismatches: number;
  readonly durationMs: number;
}

/**
 * Compares a page blob with an image, and with the manifest of its upload. Goes on where an earlier run with `full` stopped.
 * @throws {VerificationError} the blob cannot be the image's: its size, its type, its upload, or the manifest says so.
 * @throws {VhdupError} one subclass for each other kind of failure; the reason of `signal`, unchanged, on abort.
 */
export async function verifyBlob(options: VerifyOptions): Promise<VerifyResult> {
  const concurrency = concurrencyOf(options.threads);
  const checksum = checkChecksum(options.checksum);
  checkRetryOptions(options);
  const access = accessOf(options, 'r');
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const emit = shielded(options.onEvent);
  warnOfPlainHttp(access, emit);
  warnOfThreads(concurrency, emit);
  const startMs = performance.now();
  const full = options.full === true;

  const image = await openDiskImage(options.image, {
    ...options,
    // Full is to doubt everything.
    readHoles: full,
    onWarning: (warning) => emit({ type: 'warning', ...warning }),
    onDebug: (message) => emit({ type: 'debug', message }),
  });
  let manifest: ManifestReader | undefined;
  let blob: PageBlobTarget | undefined;
  try {
    const source = asFixedVhd(image);
    manifest = options.manifest === undefined ? undefined : await ManifestReader.open(options.manifest, source.size);
    const connection = await connect(access, options, emit);
    const { retrier } = connection;
    blob = connection.blob;
    const properties = await look(blob, source, manifest, full, retrier, signal);
    const verified: Verified = { options, image, source, blob, properties, manifest, checksum, retrier, emit, signal };
    const state = full ? await VerificationState.open(verified) : new VerificationState(verified);
    emit({
      type: 'start-verify',
      image: image.path,
      format: image.format,
      diskSize: image.size,
      url: blob.address.url,
      blobSize: source.size,
      method: full ? 'full' : 'map',
      ...state.notice,
      threads: options.threads ?? 'auto',
      maxWindows: concurrency.maxWindows,
    });
    const memory = new WindowMemory(manifest?.header.checksum ?? checksum);
    const comparison = state.keptWhile((stateSignal) =>
      compareBlob({
        ...{ source, manifest, memory, concurrency, retrier, emit, full },
        blob: verified.blob,
        etag: properties.etag,
        isOurs: properties.metadata[UPLOAD_ID] !== undefined,
        signal: stateSignal,
        progress: state.progress,
        differences: state.differences,
      }),
    );
    const { unjudged } = await comparison.finally(() => memory.close());
    await compareEnds(verified, state);
    await state.remove();
    const differences = state.differences.summary;
    return {
      url: blob.address.url,
      method: full ? 'full' : 'map',
      matches: differences.count === 0,
      differences,
      blobSize: source.size,
      diskSize: image.size,
      read: state.progress.read,
      readBack: state.progress.sent,
      readBackBefore: state.readBackBefore,
      unjudged,
      requests: blob.requests,
      retries: retrier.retries,
      checksumMismatches: retrier.checksumMismatches,
      durationMs: performance.now() - startMs,
    };
  } finally {
    blob?.close();
    await manifest?.close();
    await image.close();
  }
}

/** What can be told without looking into the blob. */
async function look(
  blob: PageBlobTarget,
  source: FixedVhdView,
  manifest: ManifestReader | undefined,
  full: boolean,
  retrier: Retrier,
  signal: AbortSignal,
): Promise<BlobProperties> {
  const { url } = blob.address;
  const there = await retrier.run('Get Blob Properties', signal, (attempt) => blob.properties(attempt));
  if (there === undefined) throw new DestinationError(`Cannot verify ${url}: there is no such blob.`);
  if (there.type !== 'PageBlob') throw new VerificationError(`${url} is a ${there.type}, not a page blob.`);
  if (there.size !== source.size) {
    throw new VerificationError(`${url} has ${there.size} bytes, but the image makes a blob of ${source.size}.`);
  }
  if (isUnfinished(there.metadata)) {
    throw new VerificationError(`${url} is of an upload that was not finished. Run the same upload again.`);
  }
  if (there.metadata[STATE] === 'spoilt' && !full) {
    throw new VerificationError(
      `${url} failed the verification of its upload, or its image changed while it was read: the list of its pages proves nothing. Give --full to compare every page.`,
    );
  }
  const uploadId = there.metadata[UPLOAD_ID];
  if (manifest !== undefined && uploadId !== manifest.header.uploadId) {
    throw new VerificationError(
      `${url} is not of the upload of the manifest ${manifest.path}: its upload id is ${uploadId ?? 'absent'}, not ${manifest.header.uploadId}.`,
    );
  }
  return there;
}

/** What is left when the disk is compared: the footer, the manifest as a whole, and that neither side changed meanwhile. */
async function compareEnds(verified: Verified, state: VerificationState): Promise<void> {
  const { image, source, blob, properties, manifest, retrier, signal } = verified;
  const { differences, progress } = state;
  const footer = { offset: source.diskSize, length: PAGE_SIZE };
  if (!(await hasFooter(verified))) differences.add({ kind: 'footer', ...footer });
  const pages = progress.pages.with(footer);
  if (manifest !== undefined) {
    const checksum = pageChecksum(manifest.header.checksum, source.footer);
    const isSame = Buffer.from(checksum?.value ?? []).toString('hex') === manifest.end.footer.checksum;
    if (!isSame) differences.add({ kind: 'manifest', ...footer });
  }
  const isSamePages = manifest === undefined || manifest.end.pages === pages.toString();
  if (!isSamePages && differences.summary.count === 0) {
    throw new VerificationError(
      `The blob holds what is in ${image.path}, but by the manifest ${manifest?.path} other pages were sent: image and blob were changed alike, or the manifest was cut.`,
    );
  }
  await image.assertUnchanged();
  const now = await retrier.run('Get Blob Properties', signal, (attempt) => blob.properties(attempt));
  if (now?.etag !== properties.etag) {
    throw new DestinationError(`${blob.address.url} was changed while it was being verified. Verify it again.`);
  }
}

/** A blob that vhdup made has the footer that vhdup writes. Others may have another one that says the same of the disk. */
async function hasFooter({ source, blob, properties, checksum, retrier, signal }: Verified): Promise<boolean> {
  const footer = new Uint8Array(PAGE_SIZE);
  await readBack(
    {
      ...{ blob, checksum, retrier },
      etag: properties.etag,
      checksumOf: (bytes) => Promise.resolve(pageChecksum(checksum, bytes)),
      line: new Line(1, () => undefined),
    },
    { offset: source.diskSize, length: PAGE_SIZE },
    footer,
    signal,
  );
  if (Buffer.compare(footer, source.footer) === 0) return true;
  return properties.metadata[UPLOAD_ID] === undefined && isFixedFooter(footer, source.diskSize);
}
