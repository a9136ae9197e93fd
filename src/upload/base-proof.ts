// Compares the base with a local ancestor: by a manifest, by its Content-MD5, by its page list and by a sample of its bytes. Only the
// manifest of a blob that was not modified since proves every byte: the service does not update a Content-MD5 when pages are written.

import { createHash } from 'node:crypto';
import { type ByteRange, PAGE_SIZE } from '../base/byte-range.ts';
import type { ChecksumAlgorithm } from '../base/page-run.ts';
import { DestinationError, VerificationError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { UploadOptions } from '../options.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import { UPLOAD_ID } from '../state/blob-metadata.ts';
import { ManifestReader } from '../state/manifest-reader.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import { planWindows } from '../transfer/plan.ts';
import { Progress } from '../transfer/progress.ts';
import { WindowMemory } from '../transfer/window-memory.ts';
import { findRuns } from '../transfer/zero-pages.ts';
import { compareBlob } from '../verify/compare-blob.ts';
import { Differences, describeDifferences } from '../verify/differences.ts';
import { ContentMd5 } from './content-md5.ts';

/** How many windows are read back in part. */
const SAMPLES = 64;
/** Bytes that are read back of a window at most: 16 MiB in all. */
const SAMPLE_SIZE = 256 * 1024;
/** Windows in memory. The proof reads the local file, which is faster than the connection anyway. */
const MAX_WINDOWS = 4;

export interface BaseCheck {
  readonly image: DiskImage;
  /** The image as the blob will hold it. */
  readonly source: FixedVhdView;
  readonly options: UploadOptions;
  /** The base. */
  readonly store: RetryingPageStore<BlobProperties>;
  readonly checksum: ChecksumAlgorithm;
  readonly emit: EventListener;
}

export interface BaseProof extends BaseCheck {
  /** The ancestor as the blob holds it, with the footer of the blob: another program may have written another one. */
  readonly view: FixedVhdView;
  /** Path of the ancestor. */
  readonly path: string;
  /** Of the base. */
  readonly properties: BlobProperties;
}

/**
 * @returns whether the base certainly holds every byte of the ancestor. Otherwise what its copy contains is to be read back.
 * @throws {VerificationError} the base holds other bytes. @throws {LocalFileError} the manifest cannot be read.
 */
export async function proveBase(proof: BaseProof, signal: AbortSignal): Promise<boolean> {
  const { options, store, emit, view } = proof;
  if (options.trustBase === true) {
    emit({
      type: 'warning',
      code: 'trust-base',
      message: `Nothing proves that ${store.url} holds the bytes of ${proof.path} (--trust-base). What the copy contains is read back at the end; --verify ranges skips that.`,
    });
    return false;
  }
  const manifest =
    options.baseManifest === undefined ? undefined : await ManifestReader.open(options.baseManifest, view.size);
  const memory = new WindowMemory(manifest?.header.checksum ?? proof.checksum);
  try {
    if (manifest !== undefined) assertSameUpload(proof, manifest);
    await comparePages(proof, manifest, memory, signal);
    await compareSample(proof, memory, signal);
    await compareMd5(proof, signal);
  } finally {
    await memory.close();
    await manifest?.close();
  }
  const now = await store.properties(signal);
  if (now?.etag !== proof.properties.etag) {
    throw new DestinationError(
      `The base ${store.url} was modified while it was compared with ${proof.path}. Run the same command again when nothing else uses it.`,
    );
  }
  const isProved = manifest !== undefined && manifest.end.etag === now.etag;
  if (!isProved) warnOfUnproved(proof, manifest);
  return isProved;
}

/** Warns if a manifest does not spare the read-back, or if the user has switched it off. */
function warnOfUnproved({ options: { verify }, store, emit }: BaseProof, manifest: ManifestReader | undefined): void {
  const skips = verify === 'none' || verify === 'ranges';
  if (manifest === undefined && !skips) return;
  const why =
    manifest === undefined
      ? `Nothing proves every byte of the base ${store.url}: its page list and a sample were compared.`
      : manifest.end.etag === undefined
        ? `The manifest ${manifest.path} does not record the ETag of the base ${store.url}, so a later change of the base would go unnoticed.`
        : `The base ${store.url} no longer has the ETag that the manifest ${manifest.path} records: its data, metadata or properties were changed after its upload.`;
  const what = skips
    ? `--verify ${verify} skips the read-back of the copied data, so a difference would go unnoticed.`
    : 'The copied data is read back at the end.';
  emit({ type: 'warning', code: 'base-not-proved', message: `${why} ${what}` });
}

function assertSameUpload({ store, properties: { metadata } }: BaseProof, { header, path }: ManifestReader): void {
  const uploadId = metadata[UPLOAD_ID];
  if (uploadId === header.uploadId) return;
  throw new VerificationError(
    `The base ${store.url} and the manifest ${path} are from different uploads: the blob has the upload id ${uploadId ?? 'absent'}, the manifest has ${header.uploadId}. Name the manifest of this blob, or leave out --base-manifest.`,
  );
}

/** Compares the page list, and the checksums of the manifest. */
async function comparePages(
  { view, store, properties, emit, ...proof }: BaseProof,
  manifest: ManifestReader | undefined,
  memory: WindowMemory,
  signal: AbortSignal,
): Promise<void> {
  const differences = new Differences();
  const concurrency = { maxRequests: MAX_WINDOWS, maxWindows: MAX_WINDOWS };
  const compared = { source: view, store, manifest, memory, concurrency, signal, emit, differences };
  const isOurs = properties.metadata[UPLOAD_ID] !== undefined;
  await compareBlob({ ...compared, etag: properties.etag, full: false, isOurs, progress: new Progress() });
  const { summary } = differences;
  if (summary.count > 0) throw isOther({ ...proof, store }, describeDifferences(summary));
}

/** Reads some ranges of the base back. Which ones depends only on its ETag, so that a second run reads the same. */
async function compareSample(proof: BaseProof, memory: WindowMemory, signal: AbortSignal): Promise<void> {
  const { view, store, properties } = proof;
  const { etag } = properties;
  const random = randomOf(etag);
  const [ofImage, ofBlob] = [memory.take(), memory.take()];
  const options = { etag, checksum: memory.algorithm, checksumOf: (bytes: Uint8Array) => memory.checksum(bytes) };
  try {
    for (const window of await sampleOf(view, random)) {
      const expected = ofImage.subarray(0, window.length);
      await view.read(window, expected);
      const runs = findRuns(expected);
      const run = runs[Math.floor(random() * runs.length)];
      if (run === undefined) continue;
      const { offset, length } = partOf(run, random);
      const actual = ofBlob.subarray(0, length);
      await store.read({ offset: window.offset + offset, length }, actual, options, signal);
      if (Buffer.compare(actual, expected.subarray(offset, offset + length)) !== 0) {
        throw isOther(proof, `content at ${window.offset + offset}, ${length} bytes`);
      }
    }
  } finally {
    memory.giveBack(ofImage);
    memory.giveBack(ofBlob);
  }
}

/** Some windows that can contain data, each with the same probability, in ascending order. */
async function sampleOf(view: FixedVhdView, random: () => number): Promise<ByteRange[]> {
  const chosen: ByteRange[] = [];
  let count = 0;
  for await (const window of planWindows(view)) {
    count += 1;
    const place = count <= SAMPLES ? count - 1 : Math.floor(random() * count);
    if (place < SAMPLES) chosen[place] = window;
  }
  return chosen.sort((one, other) => one.offset - other.offset);
}

/** A part of the run, in whole pages. */
function partOf({ offset, length }: ByteRange, random: () => number): ByteRange {
  const partLength = Math.min(length, SAMPLE_SIZE);
  const pages = (length - partLength) / PAGE_SIZE;
  return { offset: offset + Math.floor(random() * (pages + 1)) * PAGE_SIZE, length: partLength };
}

/** Numbers from 0 to 1 that depend only on `seed` (the generator xorshift32 of Marsaglia). */
function randomOf(seed: string): () => number {
  let state = createHash('sha256').update(seed).digest().readUInt32BE(0) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Finds a base that was made from another ancestor, or an ancestor that was changed since, before anything is copied. */
async function compareMd5(proof: BaseProof, signal: AbortSignal): Promise<void> {
  const { view, store, properties, path, emit } = proof;
  const { contentMd5 } = properties;
  if (contentMd5 === undefined) return;
  const md5 = new ContentMd5(view, signal, () => undefined);
  try {
    const computed = await md5.digest((done) => emit({ type: 'hashing', done, size: view.size }));
    if (Buffer.compare(computed, contentMd5) === 0) return;
    const [found, needed] = [contentMd5, computed].map((bytes) => Buffer.from(bytes).toString('base64'));
    throw new VerificationError(
      `The base ${store.url} has the Content-MD5 ${found}, but the fixed VHD of ${path} has the MD5 ${needed}. The blob or the local file was changed after the upload of the base. Upload without --base.`,
    );
  } finally {
    await md5.close();
  }
}

function isOther({ store, path }: Pick<BaseProof, 'store' | 'path'>, what: string): VerificationError {
  return new VerificationError(
    `The base ${store.url} does not hold the bytes of ${path}: ${what}. The blob or the local file was changed after the upload of the base. Upload without --base.`,
  );
}
