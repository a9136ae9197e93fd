// Checks that a checkpoint belongs to the image and to the blob.

import { skipFreeOption } from '../base/skip-free.ts';
import { CheckpointError, DestinationError, ImageChangedError } from '../errors.ts';
import { isFailed, sequenceNumberOf, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint, CheckpointImageFile } from '../state/checkpoint.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import type { SessionRequest, TargetRequest } from './context.ts';

/** @throws {CheckpointError | ImageChangedError} the checkpoint belongs to another image, another blob, or another way to read the image. */
export function assertSameSource(
  stored: Checkpoint,
  {
    image,
    targetUrl,
    file,
    trustUnmarkedSectors,
    skipFree,
  }: Pick<TargetRequest, 'image' | 'targetUrl' | 'file' | 'trustUnmarkedSectors' | 'skipFree'>,
): void {
  // The ids of disks have no upper and lower case, the names of blobs have.
  const key = (url: string) => (stored.disk === undefined ? url : url.toLowerCase());
  if (key(stored.blobUrl) !== key(targetUrl)) {
    throw new CheckpointError(
      `The checkpoint ${file.path} belongs to an upload to ${stored.blobUrl}, not to ${targetUrl}. Name another file with --checkpoint to keep both, or give --restart to discard that one.`,
    );
  }
  if (stored.trustUnmarkedSectors !== trustUnmarkedSectors) {
    throw new CheckpointError(
      `The upload of the checkpoint ${file.path} started ${stored.trustUnmarkedSectors ? 'with' : 'without'} --trust-unmarked-sectors, which changes what the disk reads as. ${stored.trustUnmarkedSectors ? 'Give that option again' : 'Leave that option out'}, or give --restart to upload from the beginning.`,
    );
  }
  if (stored.skipFree?.mode !== skipFree?.mode) {
    const nextStep =
      stored.skipFree === undefined ? 'Leave that option out' : `Give ${skipFreeOption(stored.skipFree)}`;
    throw new CheckpointError(
      `The upload of the checkpoint ${file.path} started with ${skipFreeOption(stored.skipFree)}, but this run has ${skipFreeOption(skipFree)}, which changes what the disk reads as. ${nextStep} to resume it, or give --restart to upload from the beginning.`,
    );
  }
  const now = image.files;
  const changes = [...now.keys()].flatMap((index) => differences(stored.image[index], now[index]));
  if (stored.image.length !== now.length) {
    changes.push(`the chain had ${stored.image.length} files and now has ${now.length}`);
  }
  if (stored.diskSize !== image.size) changes.push(`the disk had ${stored.diskSize} bytes and now has ${image.size}`);
  if (changes.length > 0) {
    throw new ImageChangedError(
      `${image.path} has changed since the upload started at ${stored.startedAt}: ${changes.join('; ')}. The data already sent no longer matches it. Give --restart to upload it from the beginning.`,
    );
  }
  if (stored.skipFree?.digest !== skipFree?.digest) {
    throw new CheckpointError(
      `${image.path} is unchanged, but this version of vhdup finds other free space in it than the run that started the upload at ${stored.startedAt} (${skipFree?.digest}, then ${stored.skipFree?.digest}). The data already sent no longer matches it. Resume with the version of vhdup that started it, or give --restart to upload from the beginning.`,
    );
  }
}

/** @throws {CheckpointError} the upload started with another base, or one of the runs has no base. */
export function assertSameBase(
  { base, blobUrl }: Checkpoint,
  { base: given, file }: Pick<SessionRequest, 'base' | 'file'>,
): void {
  if (base?.url === given?.url) return;
  const started = base === undefined ? 'without --base' : `with --base ${base.url}`;
  const nextStep = base === undefined ? 'Leave --base out' : 'Give that option again';
  throw new CheckpointError(
    `The upload of the checkpoint ${file.path} to ${blobUrl} started ${started}. ${nextStep} to resume it, or give --restart to upload from the beginning.`,
  );
}

/** Names are not compared, because files may have been moved or renamed. */
function differences(before: CheckpointImageFile | undefined, now: CheckpointImageFile | undefined): string[] {
  if (before === undefined || now === undefined) return [];
  const changes: string[] = [];
  if (before.diskId !== now.diskId)
    changes.push(`${now.name} has the disk id ${now.diskId}, previously ${before.diskId}`);
  if (before.size !== now.size) changes.push(`${now.name} has ${now.size} bytes, previously ${before.size}`);
  if (!isSameTime(before.modifiedMs, now.modifiedMs)) {
    const times = [now, before].map(({ modifiedMs }) => new Date(modifiedMs).toISOString());
    changes.push(`${now.name} was modified at ${times[0]}, previously at ${times[1]}`);
  }
  return changes;
}

/**
 * A copy keeps the modification time only as precisely as its file system: FAT to two seconds, archives to one second, copy programs
 * to a millisecond. If both times are fine, or both coarse, a difference of more than a millisecond is a change.
 */
function isSameTime(beforeMs: number, nowMs: number): boolean {
  const isCoarse = (timeMs: number) => timeMs % 1000 === 0;
  const difference = Math.abs(beforeMs - nowMs);
  return difference <= 1 || (isCoarse(beforeMs) !== isCoarse(nowMs) && difference < 2000);
}

/** @throws {DestinationError} the blob was deleted, replaced, resized or marked as failed. */
export function assertSameBlob(
  stored: Checkpoint,
  existing: BlobProperties | undefined,
  checkpointPath: string,
): asserts existing is BlobProperties {
  const nextStep = `Give --restart --overwrite to upload from the beginning. The checkpoint is ${checkpointPath}.`;
  if (existing === undefined) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} no longer exists. Give --restart to upload from the beginning.`,
    );
  }
  if (existing.metadata[UPLOAD_ID] !== stored.uploadId) {
    throw new DestinationError(
      `Cannot resume: this upload did not create the blob ${stored.blobUrl} (its upload id is ${existing.metadata[UPLOAD_ID] ?? 'absent'}, not ${stored.uploadId}). Something replaced the blob or its metadata. ${nextStep}`,
    );
  }
  if (existing.size !== stored.blobSize) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} has ${existing.size} bytes, not ${stored.blobSize}. Something resized it. ${nextStep}`,
    );
  }
  if (isFailed(existing.metadata) || stored.failed === true) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} cannot be trusted, because its verification failed or the image changed while it was read. Give --restart to upload from the beginning.`,
    );
  }
  const expected = sequenceNumberOf(stored.uploadId);
  if (existing.sequenceNumber !== expected) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} has the sequence number ${existing.sequenceNumber}, not ${expected}. Something changed it. ${nextStep}`,
    );
  }
}
