// --resume-from-blob: resumes without a checkpoint, from the metadata and the pages of the blob.

import { alignDown, type ByteRange, WINDOW_SIZE } from '../base/byte-range.ts';
import { subtractRanges } from '../base/range-list.ts';
import type { RangeSet } from '../base/range-set.ts';
import { decodeSkippedFree, encodeSkippedFree, type SkippedFree, skipFreeOption } from '../base/skip-free.ts';
import { DestinationError } from '../errors.ts';
import { listedRanges } from '../remote/page-ranges.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import {
  BASE,
  IMAGE,
  isComplete,
  isFailed,
  OWNER,
  otherUploader,
  SKIP_FREE,
  UPLOAD_ID,
} from '../state/blob-metadata.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { decodeOwner } from '../state/lease-holder.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import type { Window } from '../transfer/plan.ts';
import { windowsWithListed } from '../verify/windows.ts';
import { emptyCheckpoint, imageFingerprint, type SessionRequest } from './context.ts';

/** Why the blob cannot be resumed; undefined if it is an unfinished upload of this image. */
function mismatch(
  metadata: BlobProperties['metadata'],
  fingerprint: string,
  skipFree: SkippedFree | undefined,
): string | undefined {
  if (metadata[UPLOAD_ID] === undefined) {
    const other = otherUploader(metadata);
    return other === undefined ? 'vhdup did not create it' : `it is an unfinished upload by ${other}`;
  }
  if (isComplete(metadata)) return 'it is complete; run vhdup verify to check whether it matches this image';
  if (isFailed(metadata)) return 'its verification failed, or the image changed while it was read';
  if (metadata[BASE] !== undefined) {
    return 'it started as a copy of a base (--base), and only its checkpoint shows which data is that of this image';
  }
  const made = metadata[IMAGE];
  if (made === undefined) return 'its metadata does not say which image it was made from';
  return made === fingerprint
    ? otherFreeSpace(metadata[SKIP_FREE], skipFree)
    : 'it was made from another image, or the image or its modification time has changed since';
}

/** @param stored - What the blob says of the free space that was left out. */
function otherFreeSpace(stored: string | undefined, skipFree: SkippedFree | undefined): string | undefined {
  if (stored === (skipFree && encodeSkippedFree(skipFree))) return undefined;
  const then = stored === undefined ? undefined : decodeSkippedFree(stored);
  if (stored !== undefined && then === undefined) return 'its metadata does not say which free space was left out';
  return then?.mode === skipFree?.mode
    ? 'this version of vhdup finds other free space in the image than the one that started the upload'
    : `its upload started with ${skipFreeOption(then)}. Run the same command with ${skipFreeOption(then)} to resume it`;
}

/**
 * A checkpoint of the blob's upload in which nothing is done yet. The pages that the blob holds are found while the image is read.
 * @throws {DestinationError} the blob is not an unfinished upload of this image.
 */
export function checkpointOfBlob({ metadata }: BlobProperties, request: SessionRequest): Checkpoint {
  const { image, store, trustUnmarkedSectors, skipFree } = request;
  const problem = mismatch(metadata, imageFingerprint(image, trustUnmarkedSectors), skipFree);
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

export interface ListedPagesOptions {
  readonly store: RetryingPageStore;
  readonly diskSize: number;
  readonly signal: AbortSignal;
  /** Windows that need not be looked at. */
  readonly done: RangeSet;
  /** Whether windows without data in the image matter: what is listed there must be overwritten. */
  readonly mustBeZero: boolean;
}

/** The page list of the target, read alongside the windows. It may have millions of ranges, so only those of the windows in flight are kept. */
export class ListedPages {
  readonly #options: ListedPagesOptions;
  /** Ranges of the windows in flight, by window offset. */
  readonly #listed = new Map<number, { readonly ranges: readonly ByteRange[]; wasUsed: boolean }>();

  constructor(options: ListedPagesOptions) {
    this.#options = options;
  }

  /** Yields the same windows, and those that the image does not fill but the target lists. */
  async *alongside(windows: AsyncGenerator<Window>): AsyncGenerator<Window> {
    const { store, diskSize, signal, done, mustBeZero } = this.#options;
    const listed = listedRanges(store, signal);
    for await (const window of windowsWithListed(windows, listed, diskSize)) {
      if (window.allocated === 0 && (!mustBeZero || done.includes(window))) continue;
      this.#listed.set(window.offset, { ranges: window.listed, wasUsed: false });
      yield window;
    }
  }

  /** What the target lists of the window. */
  listedIn({ offset }: ByteRange): readonly ByteRange[] {
    return this.#listed.get(offset)?.ranges ?? [];
  }

  /** Whether the target lists all pages of the range, which must lie in one window. */
  includes(range: ByteRange): boolean {
    if (this.#options.store.isListUnknown) return false;
    const window = this.#listed.get(alignDown(range.offset, WINDOW_SIZE));
    if (window === undefined || subtractRanges([range], window.ranges).length > 0) return false;
    window.wasUsed = true;
    return true;
  }

  /** @returns whether the target already held a part of the window. */
  windowDone({ offset }: ByteRange): boolean {
    const wasUsed = this.#listed.get(offset)?.wasUsed === true;
    this.#listed.delete(offset);
    return wasUsed;
  }
}
