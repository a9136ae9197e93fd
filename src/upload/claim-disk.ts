// Claims a managed disk for an upload: creates it, or finds the one of the checkpoint.

import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../azure/arm/arm-error.ts';
import { commandAbout } from '../azure/arm/command-text.ts';
import type { ManagedDisk, ManagedDisks } from '../azure/arm/managed-disks.ts';
import { idOf, nameOf, type ResourceId } from '../azure/arm/resource-id.ts';
import { CheckpointError, DestinationError, InUseError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { ArmPlace } from '../options.ts';
import { assertOwned, isInUpload, OwnedDisk, UPLOAD_TAG } from '../remote/owned-disk.ts';
import type { Checkpoint, DiskState } from '../state/checkpoint.ts';
import { emptyCheckpoint, type TargetRequest } from './context.ts';
import { loadCheckpoint } from './session.ts';

export interface ClaimRequest extends Omit<TargetRequest, 'store' | 'access' | 'owner'> {
  readonly owner: TargetRequest['owner'];
  readonly disks: ManagedDisks;
  readonly id: ResourceId;
  /** The disk as the user named it, and the options that lead to it. */
  readonly name: string;
  readonly place: ArmPlace;
  /** The body that creates the disk, with these tags in addition to those of the user. */
  readonly bodyWith: (tags: Readonly<Record<string, string>>) => JsonObject;
  /** How long the upload will take, in milliseconds. */
  readonly expectedMs: number;
  readonly emit: EventListener;
}

export interface ClaimedDisk {
  readonly disk: OwnedDisk;
  /** The checkpoint of an earlier run that has committed the disk: nothing is left to do. */
  readonly finished?: Checkpoint;
}

/**
 * Leaves a disk that accepts the upload, and a checkpoint that names it.
 * @throws {DestinationError} the disk exists and is not of this upload, was deleted, replaced, or its upload was ended.
 * @throws {InUseError} another upload creates a disk of the same name now.
 */
export async function claimDisk(request: ClaimRequest): Promise<ClaimedDisk> {
  const { disks, id, restart, signal } = request;
  const stored = await loadCheckpoint(request);
  const found = await disks.get(id, signal);
  if (stored?.disk === undefined || restart) return { disk: await begin(stored, found, request) };
  if (stored.disk.id.toLowerCase() !== idOf(id).toLowerCase()) throw otherDisk(stored.disk, request);
  // Killed before the disk was created, or before the answer came.
  if (found === undefined && stored.disk.uniqueId === undefined) {
    return { disk: await createDisk(stored, request) };
  }
  const { uploadId } = stored;
  const { uniqueId = found?.uniqueId, finishing = false } = stored.disk;
  const isSame = found !== undefined && found.uniqueId === uniqueId;
  const own = owned(
    request,
    uploadId,
    uniqueId,
    found?.tags[UPLOAD_TAG] !== undefined || stored.disk.uniqueId === undefined,
  );
  // The end of the access was requested, and its answer lost. A disk whose content was refused is not finished, whatever its state.
  if (finishing && stored.failed !== true && isSame && !isInUpload(found)) return { disk: own.disk, finished: stored };
  assertOwned(found, { ...own, id });
  assertFits(found, request);
  if (stored.disk.uniqueId === undefined) await remember(stored, { id: idOf(id), ...optional(uniqueId) }, request);
  return { disk: own.disk };
}

/** Starts an upload: to a new disk, or to one that accepts it and that may be used. */
async function begin(
  stored: Checkpoint | undefined,
  found: ManagedDisk | undefined,
  request: ClaimRequest,
): Promise<OwnedDisk> {
  const { disks, id, bodyWith, restart, overwrite, resumeFromBlob, signal } = request;
  const ofUpload = found?.tags[UPLOAD_TAG];
  const isOwn = ofUpload !== undefined && ofUpload === stored?.uploadId;
  if (found === undefined) {
    const uploadId = randomUUID();
    return await createDisk(emptyCheckpoint({ uploadId, startedAt: new Date().toISOString() }, request), request);
  }
  if (!isInUpload(found)) {
    throw new DestinationError(
      `Disk ${nameOf(id)} exists already (state ${found.diskState ?? 'unknown'}), and only a new disk accepts an upload. Choose another name with --disk, or delete the disk if nothing needs it (az disk delete --ids ${idOf(id)}).`,
      { reason: 'DiskExists' },
    );
  }
  // Nobody had access to a disk that is ReadyToUpload, so nobody has written to it.
  const isUntouched = found.diskState === 'ReadyToUpload' && ofUpload === undefined;
  if (!(isUntouched || isOwn || overwrite || resumeFromBlob) || (restart && !isOwn && !overwrite && !isUntouched)) {
    throw new DestinationError(
      `Disk ${nameOf(id)} exists already and is in an unfinished upload (state ${found.diskState})${ofUpload === undefined ? '' : ' by vhdup'}. If it is an upload of this image, run it again with its checkpoint (--checkpoint), or give --resume-from-blob to resume without it. Give --overwrite to send everything again into the same disk, or give the disk up with: ${abortCommand(request)}.`,
      { reason: 'DiskInUpload' },
    );
  }
  assertFits(found, request);
  if (isOwn || isUntouched) return await adopt(found, ofUpload, request);
  // Take the disk from the other upload: it notices at its next look, and never commits.
  const uploadId = randomUUID();
  try {
    const taken = await disks.create(id, bodyWith({ [UPLOAD_TAG]: uploadId }), signal);
    return await adopt({ ...found, tags: taken.tags }, uploadId, request);
  } catch (error) {
    if (!(error instanceof DestinationError || error instanceof InUseError)) throw error;
    // Nothing may be changed while the disk is in upload: nobody can take it, either.
    return await adopt(found, ofUpload, request);
  }
}

/** Remembers an existing disk. @param ofUpload - The upload that its tag names. */
async function adopt(
  { uniqueId }: ManagedDisk,
  ofUpload: string | undefined,
  request: ClaimRequest,
): Promise<OwnedDisk> {
  const { resumeFromBlob, restart, file } = request;
  const uploadId = ofUpload ?? randomUUID();
  const { disk } = owned(request, uploadId, uniqueId, ofUpload !== undefined);
  const empty = emptyCheckpoint({ uploadId, startedAt: new Date().toISOString() }, request);
  await file.save({ ...empty, disk: disk.state, ...(resumeFromBlob && !restart ? { fromBlob: true } : {}) });
  return disk;
}

/** Creates the disk of the checkpoint, which is saved first: after a stop between the two, the next run finds its disk. */
async function createDisk(checkpoint: Checkpoint, request: ClaimRequest): Promise<OwnedDisk> {
  const { disks, id, bodyWith, file, emit, signal } = request;
  const { uploadId } = checkpoint;
  await file.save({ ...checkpoint, disk: { id: idOf(id) } });
  emit({ type: 'phase', phase: 'creating' });
  const created = await disks.create(id, bodyWith({ [UPLOAD_TAG]: uploadId }), signal);
  // Creating a disk that exists updates it: of two uploads at the same time, the last one has its tag there.
  const now = (await disks.get(id, signal)) ?? created;
  const own = owned(request, uploadId, now.uniqueId, true);
  assertOwned(now, { ...own, id });
  await remember(checkpoint, own.disk.state, request);
  return own.disk;
}

function owned(
  { disks, id, expectedMs, emit }: ClaimRequest,
  uploadId: string,
  uniqueId: string | undefined,
  isTagged: boolean,
) {
  const disk = new OwnedDisk({ disks, id, uploadId, uniqueId, isTagged, expectedMs, emit });
  return { disk, uploadId, uniqueId, isTagged };
}

async function remember(checkpoint: Checkpoint, disk: DiskState, { file }: ClaimRequest): Promise<void> {
  await file.save({ ...checkpoint, disk });
}

function assertFits({ uploadSizeBytes }: ManagedDisk, request: ClaimRequest): void {
  const { id, source } = request;
  if (uploadSizeBytes === undefined || uploadSizeBytes === source.size) return;
  throw new DestinationError(
    `Disk ${nameOf(id)} was created for an upload of ${uploadSizeBytes} bytes, but the image takes ${source.size} bytes as a fixed VHD. Choose another name with --disk, or give the disk up with: ${abortCommand(request)}.`,
    { reason: 'DiskSize' },
  );
}

function otherDisk({ id }: DiskState, { id: wanted, file }: ClaimRequest): CheckpointError {
  return new CheckpointError(
    `The checkpoint ${file.path} belongs to an upload to ${id}, not to ${idOf(wanted)}. Name another file with --checkpoint to keep both, or give --restart to discard that one.`,
  );
}

function optional(uniqueId: string | undefined): { readonly uniqueId?: string } {
  return uniqueId === undefined ? {} : { uniqueId };
}

/** The command that gives up an unfinished upload. */
function abortCommand({ id, name, place }: ClaimRequest): string {
  return commandAbout('disk abort', id, name, place);
}
