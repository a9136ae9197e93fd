// BlobSource: the disk in a blob as the source of a transfer. Only pages that the blob lists are requested.
import { type ByteRange, endOf } from '../base/byte-range.ts';
import { LinkedAbort } from '../base/linked-abort.ts';
import { bytesOf, joinRanges } from '../base/range-list.ts';
import type { RangeMap } from '../base/range-map.ts';
import { ServiceError, VerificationError } from '../errors.ts';
import { clearRanges } from '../image/without-free-space.ts';
import { listedRanges } from '../remote/page-ranges.ts';
import type { ReadTarget } from '../remote/read-target.ts';
import type { ManifestReader } from '../state/manifest-reader.ts';
import type { TransferSource } from '../transfer/move-disk.ts';
import type { Window } from '../transfer/plan.ts';
import type { WindowMemory } from '../transfer/window-memory.ts';
import { JOINED_GAP } from '../transfer/zero-pages.ts';

export interface BlobSourceOptions {
  readonly target: ReadTarget;
  /** ETag of the blob, so that all data is read from one version of it. */
  readonly etag: string;
  /** Size of the disk in bytes. */
  readonly diskSize: number;
  /** End of the last page that is known to hold data, in bytes; 0 if none is. The list of pages must reach it. */
  readonly endOfData: number;
  /** The windows are in this memory, which computes their checksums. */
  readonly memory: WindowMemory;
  readonly manifest: ManifestReader | undefined;
  /** What reads as zeros and is not requested, whatever the blob holds there. */
  readonly free: RangeMap | undefined;
  readonly signal: AbortSignal;
}

export class BlobSource implements TransferSource {
  readonly diskSize: number;
  /** Bytes received by this run, without repetitions. */
  received = 0;
  /** Whether the service has sent a checksum with everything that was received. */
  isProven = true;
  readonly #options: BlobSourceOptions;

  constructor(options: BlobSourceOptions) {
    this.#options = options;
    this.diskSize = options.diskSize;
  }

  /**
   * The listed pages. Each call lists them anew, because the list may have millions of ranges.
   * @throws {ServiceError} the list lacks a page that holds data.
   */
  async *extents(): AsyncGenerator<ByteRange> {
    const { target, free, endOfData, signal } = this.#options;
    let listed = 0;
    for await (const range of listedRanges(target.store, signal)) {
      listed = endOf(range);
      // The footer is listed too.
      const end = Math.min(listed, this.diskSize);
      if (range.offset >= end) continue;
      const extent = { offset: range.offset, length: end - range.offset };
      if (free === undefined) yield extent;
      else yield* free.outside(extent);
    }
    if (listed >= endOfData) return;
    throw new ServiceError(
      `Get Page Ranges failed: the list of ${target.url} ends at ${listed}, but the blob holds data up to ${endOfData}. What it does not list would be missing in the file.`,
      { reason: 'PageRangeMissing', transient: false },
    );
  }

  /** @throws {VerificationError} the data does not match the manifest. */
  async read(window: Window, into: Uint8Array, signal: AbortSignal): Promise<void> {
    const { target, etag, memory, free } = this.#options;
    const options = { etag, checksum: memory.algorithm, checksumOf: (bytes: Uint8Array) => memory.checksum(bytes) };
    const ranges = joinRanges(window.extents ?? [window], JOINED_GAP);
    // A window that is listed as a whole is overwritten as a whole.
    if (bytesOf(ranges) < into.length) into.fill(0);
    const stop = new LinkedAbort(signal);
    const read = async (range: ByteRange) => {
      const isProven = await target.store.read(range, partOf(into, window, range), options, stop.signal);
      if (!isProven) this.isProven = false;
    };
    // Wait for all reads: none may write into the memory after a failure is reported.
    await Promise.all(ranges.map((range) => read(range).catch((error: unknown) => stop.abort(error))));
    stop.unlink();
    stop.signal.throwIfAborted();
    this.received += bytesOf(ranges);
    // Short gaps are received too.
    if (free !== undefined) clearRanges(free, window, into);
    await this.#compareManifest(window, into);
  }

  /** Windows of the blob and of the manifest are the same. Missing windows are found by the pages of the manifest as a whole. */
  async #compareManifest(window: Window, bytes: Uint8Array): Promise<void> {
    const { manifest, memory, target } = this.#options;
    if (manifest === undefined) return;
    for (const run of await manifest.runsAt(window.offset)) {
      const isInside = run.offset >= window.offset && endOf(run) <= endOf(window) && run.length > 0;
      const checksum = isInside ? await memory.checksum(partOf(bytes, window, run)) : undefined;
      if (Buffer.from(checksum?.value ?? []).toString('hex') === run.checksum) continue;
      throw new VerificationError(
        `${target.url} does not hold what was uploaded: at ${run.offset}, ${run.length} bytes differ from the checksum in the manifest ${manifest.path}. Something else has written to it. The incomplete file was removed. To download the blob as it is, leave out --manifest.`,
      );
    }
  }
}

/** @param bytes - The bytes of the window, which contains `range`. */
function partOf(bytes: Uint8Array, window: ByteRange, range: ByteRange): Uint8Array {
  return bytes.subarray(range.offset - window.offset, endOf(range) - window.offset);
}
