// verifyBlob: proves that a page blob matches the disk of an image, or shows where it differs.

import { PAGE_SIZE } from '../base/byte-range.ts';
import type { ChecksumAlgorithm } from '../base/page-run.ts';
import type { FreeSpaceReport } from '../base/skip-free.ts';
import { DestinationError, VerificationError } from '../errors.ts';
import { collectingListeners, type EventListener, shielded } from '../events.ts';
import type { DiskImage, ImageWarning } from '../image/disk-image.ts';
import { asFixedVhd } from '../image/fixed-vhd-view.ts';
import { openDiskImage } from '../image/open-disk-image.ts';
import { recordedFiles } from '../image/recorded-files.ts';
import type { VerifyOptions } from '../options.ts';
import { warnOfThreads } from '../remote/connect.ts';
import { openReadTarget, type ReadProperties, type ReadTarget, readAccessOf } from '../remote/read-target.ts';
import { isFailed, isUnfinished, UPLOAD_ID } from '../state/blob-metadata.ts';
import { ManifestReader } from '../state/manifest-reader.ts';
import { pageChecksum } from '../transfer/checksum.ts';
import { concurrencyOf } from '../transfer/concurrency-limits.ts';
import { WindowMemory } from '../transfer/window-memory.ts';
import { checkChecksum, checkRetryOptions, checkSkipFree } from '../validate-options.ts';
import { leaveOutFreeSpace } from '../volume/free-space/leave-out.ts';
import { compareBlob } from './compare-blob.ts';
import type { DifferenceSummary } from './differences.ts';
import { hasFooter } from './footer.ts';
import { assertSameFreeSpace, modeFor, recordedFreeSpace } from './recorded-free-space.ts';
import { VerificationState, type Verified } from './verification-state.ts';

export interface VerifyResult {
  /** Without SAS. */
  readonly url: string;
  /** `ranges`: the page list was compared. `full`: all bytes were compared. */
  readonly method: 'ranges' | 'full';
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
  /** Bytes that the blob lists and that are zero in the image. Only `full` compares them. */
  readonly notCompared: number;
  readonly requests: number;
  readonly retries: number;
  /** Requests that were repeated because their bytes arrived damaged. */
  readonly checksumMismatches: number;
  readonly durationMs: number;
  /** The free space of the guest that was compared as zeros, because the upload left it out, or the options ask for it. */
  readonly freeSpace?: FreeSpaceReport;
}

/**
 * Compares a page blob with an image, and with the manifest of its upload if one is given. With `full`, resumes where an earlier run left
 * off.
 * @throws {VerificationError} the blob cannot match the image, because of its type, its size, its state or the manifest.
 * @throws {VhdupError} one subclass for each other kind of failure; the reason of `signal`, unchanged, on abort.
 */
export async function verifyBlob(options: VerifyOptions): Promise<VerifyResult> {
  const concurrency = concurrencyOf(options.threads);
  const checksum = checkChecksum(options.checksum);
  checkRetryOptions(options);
  checkSkipFree(options.skipFree);
  const access = readAccessOf(options, { name: 'The destination', command: 'A verification' });
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const emit = shielded(options.onEvent);
  warnOfThreads(concurrency, emit);
  const startMs = performance.now();
  const full = options.full === true;

  const { warnings, listeners } = collectingListeners(emit);
  const opened = await openDiskImage(options.image, {
    ...options,
    // A full comparison does not rely on the holes that the file system reports.
    readHoles: full,
    ...listeners,
  });
  let manifest: ManifestReader | undefined;
  let target: ReadTarget | undefined;
  let state: VerificationState | undefined;
  try {
    const { size } = asFixedVhd(opened);
    manifest = options.manifest === undefined ? undefined : await ManifestReader.open(options.manifest, size);
    target = await openReadTarget(options, access, { concurrency, size, emit, signal });
    const { store, url } = target;
    const properties = await look(target, opened, manifest, full, signal);
    const compared = { image: opened, warnings, url, properties, manifest };
    const { image, freeSpace } = await withoutSkipped(options, compared, emit, signal);
    const source = asFixedVhd(image);
    const verified: Verified = { options, image, source, store, url, properties, manifest, freeSpace, emit, signal };
    state = full ? await VerificationState.open(verified) : new VerificationState(verified);
    const { progress, differences } = state;
    emit({
      type: 'start-verify',
      image: image.path,
      format: image.format,
      files: recordedFiles(image),
      diskSize: image.size,
      url,
      blobSize: source.size,
      method: full ? 'full' : 'ranges',
      ...state.notice,
      threads: options.threads ?? 'auto',
      maxWindows: concurrency.maxWindows,
    });
    const memory = new WindowMemory(manifest?.header.checksum ?? checksum);
    const parts = { source, store, manifest, memory, concurrency, emit, full, progress, differences };
    const isOurs = isByVhdup(properties);
    const comparison = state.keptWhile((stateSignal) =>
      compareBlob({ ...parts, etag: properties.etag, isOurs, signal: stateSignal }),
    );
    const { notCompared } = await comparison.finally(() => memory.close());
    if (store.isListUnknown && !full) {
      throw new VerificationError(
        `Cannot verify ${url} by its page list, which it does not provide. Give --full to compare every page.`,
      );
    }
    await compareEnds(verified, state, checksum);
    await state.remove();
    const { summary } = differences;
    return {
      url,
      method: full ? 'full' : 'ranges',
      matches: summary.count === 0,
      differences: summary,
      blobSize: source.size,
      diskSize: image.size,
      read: progress.read,
      readBack: progress.sent,
      readBackBefore: state.readBackBefore,
      notCompared,
      ...store.counters,
      checksumMismatches: store.checksumMismatches,
      durationMs: performance.now() - startMs,
      ...(freeSpace === undefined ? {} : { freeSpace }),
    };
  } finally {
    await state?.close();
    await target?.close();
    await manifest?.close();
    await opened.close();
  }
}

interface Compared {
  readonly image: DiskImage;
  readonly warnings: readonly ImageWarning[];
  readonly url: string;
  readonly properties: ReadProperties;
  readonly manifest: ManifestReader | undefined;
}

/** The image without the free space that the upload left out. @throws {UsageError | VerificationError} it is not the same. */
async function withoutSkipped(
  options: VerifyOptions,
  { image, warnings, url, properties, manifest }: Compared,
  emit: EventListener,
  signal: AbortSignal,
): Promise<{ readonly image: DiskImage; readonly freeSpace: FreeSpaceReport | undefined }> {
  const recorded = recordedFreeSpace(url, properties, manifest);
  const mode = modeFor(url, recorded, options.skipFree);
  if (mode === undefined) return { image, freeSpace: undefined };
  const left = await leaveOutFreeSpace(image, warnings, mode, signal);
  assertSameFreeSpace(image.path, url, left.report, recorded);
  emit({ type: 'free-space', ...left.report });
  return { image: left.image, freeSpace: left.report };
}

function isByVhdup({ metadata }: ReadProperties): boolean {
  return metadata?.[UPLOAD_ID] !== undefined;
}

/** Checks the properties of the blob or disk. Reads none of its pages. */
async function look(
  { store, url }: ReadTarget,
  image: DiskImage,
  manifest: ManifestReader | undefined,
  full: boolean,
  signal: AbortSignal,
): Promise<ReadProperties> {
  const { size } = asFixedVhd(image);
  const found = await store.properties(signal);
  if (found === undefined)
    throw new DestinationError(
      `Cannot verify ${url}: it does not exist. Check the name of the container and the blob.`,
    );
  if (found.type !== undefined && found.type !== 'PageBlob')
    throw new VerificationError(
      `Cannot verify ${url}: it is a ${found.type}, not a page blob. Name the page blob of this image.`,
    );
  if (found.size !== size) {
    throw new VerificationError(
      `${url} does not match the image: it has ${found.size} bytes, but a blob of this image has ${size}. Check that the image and the blob belong together.`,
    );
  }
  const { metadata } = found;
  // A managed disk has no metadata. Its state in Azure Resource Manager shows whether its upload is finished.
  if (metadata === undefined) return found;
  if (isUnfinished(metadata)) {
    throw new VerificationError(`Cannot verify ${url}: its upload is not finished. Run the same upload again.`);
  }
  if (isFailed(metadata) && !full) {
    throw new VerificationError(
      `Cannot verify ${url} by its page list: the verification at the end of its upload failed, or the image changed while it was read. Give --full to compare every page.`,
    );
  }
  const uploadId = metadata[UPLOAD_ID];
  if (manifest !== undefined && uploadId !== manifest.header.uploadId) {
    throw new VerificationError(
      `${url} and the manifest ${manifest.path} are from different uploads: the blob has the upload id ${uploadId ?? 'absent'}, the manifest has ${manifest.header.uploadId}. Name the manifest of this blob, or verify without --manifest.`,
    );
  }
  return found;
}

/** Completes the comparison: the footer, the manifest as a whole, and whether image or blob changed meanwhile. */
async function compareEnds(verified: Verified, state: VerificationState, checksum: ChecksumAlgorithm): Promise<void> {
  const { image, source, store, url, properties, manifest, signal } = verified;
  const { differences, progress } = state;
  const footer = { offset: source.diskSize, length: PAGE_SIZE };
  const isOurs = isByVhdup(properties);
  if (!(await hasFooter({ source, store, memory: { algorithm: checksum } }, properties.etag, signal, isOurs))) {
    differences.add({ kind: 'footer', ...footer });
  }
  const pages = progress.pages.with(footer);
  if (manifest !== undefined) {
    const sent = pageChecksum(manifest.header.checksum, source.footer);
    const isSame = Buffer.from(sent?.value ?? []).toString('hex') === manifest.end.footer.checksum;
    if (!isSame) differences.add({ kind: 'manifest', ...footer });
  }
  const isSamePages = manifest === undefined || manifest.end.pages === pages.toString();
  if (!isSamePages && differences.summary.count === 0) {
    throw new VerificationError(
      `${url} matches ${image.path}, but the manifest ${manifest?.path} records other pages. Image and blob were changed in the same way, or the manifest was truncated.`,
    );
  }
  await image.assertUnchanged();
  const now = await store.properties(signal);
  if (now?.etag !== properties.etag) {
    throw new DestinationError(
      `${url} was changed while it was being verified. Run the same command again when nothing else uses the blob.`,
    );
  }
}
