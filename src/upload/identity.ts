// Whether a checkpoint belongs to this image and this blob, as they are now.

import { CheckpointError, DestinationError, ImageChangedError } from '../errors.ts';
import { isFailed, sequenceNumberOf, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint, CheckpointImageFile } from '../state/checkpoint.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import type { SessionRequest } from './context.ts';

/** @throws {CheckpointError | ImageChangedError} the upload was of another image, to another blob, or read in another way. */
export function assertSameSource(
  stored: Checkpoint,
  { image, store, file, trustUnmarkedSectors }: SessionRequest,
): void {
  if (stored.blobUrl !== store.url) {
    throw new CheckpointError(
      `The checkpoint ${file.path} belongs to an upload to ${stored.blobUrl}, not to ${store.url}. Give --checkpoint to keep the state of this upload in another file, or --restart to forget that one.`,
    );
  }
  if (stored.trustUnmarkedSectors !== trustUnmarkedSectors) {
    throw new CheckpointError(
      `The upload of the checkpoint ${file.path} began ${stored.trustUnmarkedSectors ? 'with' : 'without'} --trust-unmarked-sectors, which changes what the disk reads as. Do the same again, or give --restart to upload from the beginning.`,
    );
  }
  const now = image.files;
  const changes = [...now.keys()].flatMap((index) => differences(stored.image[index], now[index]));
  if (stored.image.length !== now.length) {
    changes.push(`the chain had ${stored.image.length} files and has ${now.length}`);
  }
  if (stored.diskSize !== image.size) changes.push(`the disk had ${stored.diskSize} bytes and has ${image.size}`);
  if (changes.length > 0) {
    throw new ImageChangedError(
      `${image.path} is not what it was when the upload began at ${stored.startedAt}: ${changes.join('; ')}. What was sent then does not fit any more. Give --restart to upload it from the beginning.`,
    );
  }
}

/** Names are not compared: the files may have moved. */
function differences(before: CheckpointImageFile | undefined, now: CheckpointImageFile | undefined): string[] {
  if (before === undefined || now === undefined) return [];
  const changes: string[] = [];
  if (before.diskId !== now.diskId) changes.push(`${now.name} has the disk id ${now.diskId}, before ${before.diskId}`);
  if (before.size !== now.size) changes.push(`${now.name} has ${now.size} bytes, before ${before.size}`);
  if (!isSameTime(before.modifiedMs, now.modifiedMs)) {
    const times = [now, before].map(({ modifiedMs }) => new Date(modifiedMs).toISOString());
    changes.push(`${now.name} was modified at ${times[0]}, before at ${times[1]}`);
  }
  return changes;
}

/**
 * A file that was copied keeps its time as well as the file system can: FAT to two seconds, archives to one, copying
 * programs to a millisecond. Between two fine times, or two coarse ones, more than a millisecond is a change.
 */
function isSameTime(beforeMs: number, nowMs: number): boolean {
  const isCoarse = (timeMs: number) => timeMs % 1000 === 0;
  const difference = Math.abs(beforeMs - nowMs);
  return difference <= 1 || (isCoarse(beforeMs) !== isCoarse(nowMs) && difference < 2000);
}

/** @throws {DestinationError} the blob was deleted, replaced, resized or marked as failed. */
export function assertSameBlob(
  stored: Checkpoint,
  there: BlobProperties | undefined,
  checkpointPath: string,
): asserts there is BlobProperties {
  const nextStep = `Give --restart --overwrite to upload from the beginning. The checkpoint is ${checkpointPath}.`;
  if (there === undefined) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} is no longer there; somebody deleted it. Give --restart to upload from the beginning.`,
    );
  }
  if (there.metadata[UPLOAD_ID] !== stored.uploadId) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} is not the one that this upload created (its upload id is ${there.metadata[UPLOAD_ID] ?? 'absent'}, not ${stored.uploadId}); somebody replaced it or changed its metadata. ${nextStep}`,
    );
  }
  if (there.size !== stored.blobSize) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} has ${there.size} bytes, not ${stored.blobSize}; somebody resized it. ${nextStep}`,
    );
  }
  if (isFailed(there.metadata) || stored.failed === true) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} cannot be trusted: its verification failed, or the image changed while it was read. Give --restart to upload from the beginning.`,
    );
  }
  const expected = sequenceNumberOf(stored.uploadId);
  if (there.sequenceNumber !== expected) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} has the sequence number ${there.sequenceNumber}, not ${expected}; somebody changed it. ${nextStep}`,
    );
  }
}
