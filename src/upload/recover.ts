// --resume-from-blob: goes on without a checkpoint, by what the blob says of itself.
import { createHash } from 'node:crypto';
import { endOf } from '../base/byte-range.ts';
import { RangeSet } from '../base/range-set.ts';
import { DestinationError } from '../errors.ts';
import type { DiskImage } from '../image/disk-image.ts';
import { listedRanges } from '../remote/page-ranges.ts';
import { IMAGE, isComplete, OWNER, STATE, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { decodeOwner } from '../state/lease-holder.ts';
import type { BlobProperties, PageBlobTarget } from '../target/page-blob.ts';
import type { Retrier } from '../transfer/retry.ts';

/** Tells whether two runs read the same disk from the same files, and in the same way. Names may differ. */
export function imageFingerprint({ files, size }: DiskImage, trustUnmarkedSectors: boolean): string {
  const identity = [size, trustUnmarkedSectors, ...files.map((file) => [file.size, file.modifiedMs, file.diskId])];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex');
}

/**
 * Why an unfinished blob cannot be gone on with; undefined when it was made of this very image. Then no other
 * upload of ours has written to it: every write demands its sequence number.
 */
function mismatch(there: BlobProperties, fingerprint: string): string | undefined {
  if (there.metadata[UPLOAD_ID] === undefined) return 'it was not made by vhdup';
  if (isComplete(there.metadata)) return 'it is complete, and vhdup verify tells whether it is of this image';
  if (there.metadata[STATE] === 'spoilt') return 'its verification failed, or the image changed while it was read';
  const made = there.metadata[IMAGE];
  if (made === undefined) return 'it does not say of which image it was made';
  return made === fingerprint ? undefined : 'it was made of another image, or the image or its time has changed since';
}

/**
 * A checkpoint of the blob's upload in which nothing is done. What is there is found while the image is read.
 * @throws {DestinationError} the blob is not a part of this image.
 */
export function checkpointOfBlob(there: BlobProperties, empty: Checkpoint, fingerprint: string): Checkpoint {
  const problem = mismatch(there, fingerprint);
  if (problem !== undefined) {
    throw new DestinationError(
      `Cannot resume from the blob ${empty.blobUrl}: ${problem}. Give --overwrite without --resume-from-blob to upload from the beginning.`,
    );
  }
  return {
    ...empty,
    uploadId: there.metadata[UPLOAD_ID] ?? empty.uploadId,
    startedAt: decodeOwner(there.metadata[OWNER])?.since ?? empty.startedAt,
    fromBlob: true,
  };
}

/** The pages of the disk that are in the blob. */
export async function pagesThere(
  blob: PageBlobTarget,
  diskSize: number,
  retrier: Retrier,
  signal: AbortSignal,
): Promise<RangeSet> {
  const pages = new RangeSet();
  for await (const range of listedRanges(blob, retrier, signal)) {
    // The footer is written again.
    const end = Math.min(endOf(range), diskSize);
    if (range.offset < end) pages.add({ offset: range.offset, length: end - range.offset });
  }
  return pages;
}
