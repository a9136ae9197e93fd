// --resume-from-blob: resumes without a checkpoint, from the metadata and the pages of the blob.

import { alignDown, type ByteRange, WINDOW_SIZE } from '../base/byte-range.ts';
import { subtractRanges } from '../base/range-list.ts';
import { DestinationError } from '../errors.ts';
import { listedRanges } from '../remote/page-ranges.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import { IMAGE, isComplete, isFailed, OWNER, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { decodeOwner } from '../state/lease-holder.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import type { Window } from '../transfer/plan.ts';
import { windowsWithListed } from '../verify/windows.ts';
import { emptyCheckpoint, imageFingerprint, type SessionRequest } from './context.ts';

/** Why the blob cannot be resumed; undefined if it is an unfinished upload of this image. */
function mismatch(metadata: BlobProperties['metadata'], fingerprint: string): string | undefined {
  if (metadata[UPLOAD_ID] === undefined) return 'vhdup did not create it';
  if (isComplete(metadata)) return 'it is complete; run vhdup verify to check whether it matches this image';
  if (isFailed(metadata)) return 'its verification failed, or the image changed while it was read';
  const made = metadata[IMAGE];
  if (made === undefined) return 'its metadata does not say which image it was made from';
  return made === fingerprint
    ? undefined
    : 'it was made from another image, or the image or its modification time has changed since';
}

/**
 * A checkpoint of the blob's upload in which nothing is done yet. The pages that the blob holds are found while the image is read.
 * @throws {DestinationError} the blob is not an unfinished upload of this image.
 */
export function checkpointOfBlob({ metadata }: BlobProperties, request: SessionRequest): Checkpoint {
  const { image, store, trustUnmarkedSectors } = request;
  const problem = mismatch(metadata, imageFingerprint(image, trustUnmarkedSectors));
  if (problem !== undefined) {
    throw new DestinationError(
      `Cannot resume from the blob ${store.url}: ${problem}. Give --overwrite without --resume-from-blob to upload from the beginning.`,
    );
  }
  const { [UPLOAD_ID]: uploadId = '' } = metadata;
  const owner = decodeOwner(metadata[OWNER]);
  return {
    ...emptyCheckpoint({ uploadId, startedAt: owner?.since ?? new Date().toISOString() }, request),
    lease: { owner: owner ?? request.owner, ids: [] },
    fromBlob: true,
  };
}

/** The page list of the blob, read alongside the windows. It may have millions of ranges, so only those of the windows in flight are kept. */
export class FoundPages {
  readonly #store: RetryingPageStore;
  readonly #diskSize: number;
  readonly #signal: AbortSignal;
  /** Ranges of the windows in flight, by window offset. */
  readonly #listed = new Map<number, { readonly ranges: readonly ByteRange[]; wasUsed: boolean }>();

  constructor(store: RetryingPageStore, diskSize: number, signal: AbortSignal) {
    this.#store = store;
    this.#diskSize = diskSize;
    this.#signal = signal;
  }

  /** Yields the same windows. */
  async *alongside(windows: AsyncGenerator<Window>): AsyncGenerator<Window> {
    const listed = listedRanges(this.#store, this.#signal);
    for await (const window of windowsWithListed(windows, listed, this.#diskSize)) {
      if (window.allocated === 0) continue;
      this.#listed.set(window.offset, { ranges: window.listed, wasUsed: false });
      yield window;
    }
  }

  /** Whether the blob lists all pages of the range, which must lie in one window. */
  includes(range: ByteRange): boolean {
    const window = this.#listed.get(alignDown(range.offset, WINDOW_SIZE));
    if (window === undefined || subtractRanges([range], window.ranges).length > 0) return false;
    window.wasUsed = true;
    return true;
  }

  /** @returns whether the blob already held a part of the window. */
  windowDone({ offset }: ByteRange): boolean {
    const wasUsed = this.#listed.get(offset)?.wasUsed === true;
    this.#listed.delete(offset);
    return wasUsed;
  }
}
