// --resume-from-blob: resumes without a checkpoint, from what the blob says of itself and what it holds.

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
import { imageFingerprint, type SessionRequest } from './context.ts';

/** Why an unfinished blob cannot be resumed; undefined when it was made of this very image. */
function mismatch({ metadata }: BlobProperties, fingerprint: string): string | undefined {
  if (metadata[UPLOAD_ID] === undefined) return 'it was not made by vhdup';
  if (isComplete(metadata)) return 'it is complete, and vhdup verify shows whether it is of this image';
  if (isFailed(metadata)) return 'its verification failed, or the image changed while it was read';
  const made = metadata[IMAGE];
  if (made === undefined) return 'it does not say of which image it was made';
  return made === fingerprint ? undefined : 'it was made of another image, or the image or its time has changed since';
}

/**
 * A checkpoint of the blob's upload in which nothing is done. What the blob holds is found while the image is read.
 * @throws {DestinationError} the blob is not a part of this image.
 */
export function checkpointOfBlob(
  there: BlobProperties,
  empty: Checkpoint,
  { image, trustUnmarkedSectors }: SessionRequest,
): Checkpoint {
  const problem = mismatch(there, imageFingerprint(image, trustUnmarkedSectors));
  if (problem !== undefined) {
    throw new DestinationError(
      `Cannot resume from the blob ${empty.blobUrl}: ${problem}. Give --overwrite without --resume-from-blob to upload from the beginning.`,
    );
  }
  const owner = decodeOwner(there.metadata[OWNER]);
  return {
    ...empty,
    uploadId: there.metadata[UPLOAD_ID] ?? empty.uploadId,
    startedAt: owner?.since ?? empty.startedAt,
    lease: { owner: owner ?? empty.lease.owner, ids: [] },
    fromBlob: true,
  };
}

/** What the blob lists, walked beside the windows that are sent: it may be millions of ranges, and no more than those of the windows in flight are held. */
export class FoundPages {
  readonly #store: RetryingPageStore;
  readonly #diskSize: number;
  readonly #signal: AbortSignal;
  /** Of the windows in flight, by their offsets. */
  readonly #listed = new Map<number, { readonly ranges: readonly ByteRange[]; wasUsed: boolean }>();

  constructor(store: RetryingPageStore, diskSize: number, signal: AbortSignal) {
    this.#store = store;
    this.#diskSize = diskSize;
    this.#signal = signal;
  }

  /** The same windows. */
  async *alongside(windows: AsyncGenerator<Window>): AsyncGenerator<Window> {
    const listed = listedRanges(this.#store, this.#signal);
    for await (const window of windowsWithListed(windows, listed, this.#diskSize)) {
      if (window.allocated === 0) continue;
      this.#listed.set(window.offset, { ranges: window.listed, wasUsed: false });
      yield window;
    }
  }

  /** Whether the blob lists all pages of the range, which lies in one window. */
  includes(range: ByteRange): boolean {
    const window = this.#listed.get(alignDown(range.offset, WINDOW_SIZE));
    if (window === undefined || subtractRanges([range], window.ranges).length > 0) return false;
    window.wasUsed = true;
    return true;
  }

  /** @returns whether something of the window was found. */
  windowDone({ offset }: ByteRange): boolean {
    const wasUsed = this.#listed.get(offset)?.wasUsed === true;
    this.#listed.delete(offset);
    return wasUsed;
  }
}
