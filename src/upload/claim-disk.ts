// Claims a managed disk for an upload: creates it, or finds the one of the checkpoint.

import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../azure/arm/arm-error.ts';
import { commandAbout } from '../azure/arm/command-text.ts';
import type { ManagedDisk, ManagedDisks } from '../azure/arm/managed-disks.ts';
import { idOf, nameOf, type ResourceId } from '../azure/arm/resource-id.ts';
import { shellWord } from '../base/shell-word.ts';
import { CheckpointError, CredentialError, DestinationError, InUseError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { ArmPlace } from '../options.ts';
import {
  assertOwned,
  beingChanged,
  isInUpload,
  OwnedDisk,
  type OwnedDiskOptions,
  UPLOAD_TAG,
} from '../remote/owned-disk.ts';
import type { Checkpoint, DiskState } from '../state/checkpoint.ts';
import { emptyCheckpoint, type TargetRequest } from './context.ts';
import { assertSameSource } from './identity.ts';
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
  // Before anything changes: a checkpoint of another target, or of another image, holds progress that must not get lost.
  if (stored !== undefined && !restart) {
    if (stored.disk !== undefined && !isSameId(stored.disk.id, id)) throw otherDisk(stored.disk, request);
    assertSameSource(stored, request);
  }
  const found = await disks.get(id, signal);
  if (stored?.disk === undefined || restart) return { disk: await begin(stored, found, request) };
  const { uploadId } = stored;
  // Killed before the disk was created, before the answer came, or while the service creates it.
  const isNew = found === undefined || (found.diskState === undefined && found.tags[UPLOAD_TAG] === uploadId);
  if (isNew && stored.disk.uniqueId === undefined) return { disk: await createDisk(stored, stored, request) };
  const { uniqueId = found?.uniqueId, finishing = false } = stored.disk;
  const isSame = found !== undefined && found.uniqueId === uniqueId;
  const isTagged = found?.tags[UPLOAD_TAG] !== undefined || stored.disk.uniqueId === undefined;
  const wasFinishing = finishing && stored.failed !== true;
  const own = owned(request, { uploadId, uniqueId, isTagged, wasFinishing });
  // The end of the access was requested, and its answer lost. A disk whose content was refused is not finished, whatever its state.
  if (wasFinishing && isSame && found.diskState !== undefined && !isInUpload(found)) {
    return { disk: own.disk, finished: stored };
  }
  assertOwned(found, own);
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
  const { id, restart, overwrite, resumeFromBlob } = request;
  const ofUpload = found?.tags[UPLOAD_TAG];
  const isOwn = ofUpload !== undefined && ofUpload === stored?.uploadId;
  if (found === undefined) {
    await request.assertOwnManifest?.(undefined);
    const created = emptyCheckpoint({ uploadId: randomUUID(), startedAt: new Date().toISOString() }, request);
    return await createDisk(created, stored, request);
  }
  if (found.diskState === undefined) throw beingChanged(found, id);
  if (!isInUpload(found)) {
    throw new DestinationError(
      `Disk ${nameOf(id)} exists already (state ${found.diskState}), and only a new disk accepts an upload. Choose another name with --disk, or delete the disk if nothing needs it (az disk delete --ids ${shellWord(idOf(id))}).`,
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
  // A manifest may be that of the upload that is resumed.
  if (!resumeFromBlob) await request.assertOwnManifest?.(ofUpload);
  if (isOwn || isUntouched) return await adopt(found, ofUpload, request);
  return await take(found, ofUpload, request);
}

/** Takes a disk from the upload that its tag names, or from another program. vhdup notices that at its next look, and never commits. */
async function take(found: ManagedDisk, ofUpload: string | undefined, request: ClaimRequest): Promise<OwnedDisk> {
  const { disks, id, resumeFromBlob, signal } = request;
  const uploadId = randomUUID();
  const taken = await disks.setTags(id, { ...found.tags, [UPLOAD_TAG]: uploadId }, signal).catch((error: unknown) => {
    if (!(error instanceof DestinationError || error instanceof InUseError)) throw error;
    // The tag cannot be changed while the disk is in upload. The upload of this image may be resumed under its own tag.
    if (ofUpload === undefined || resumeFromBlob) return undefined;
    throw new DestinationError(
      `Disk ${nameOf(id)} cannot be taken from the upload that is writing to it, which would commit whatever the disk holds then: ${error.message} Give the disk up with: ${abortCommand(request)}.`,
      { reason: 'DiskInUpload', cause: error },
    );
  });
  return await adopt(found, taken === undefined ? ofUpload : uploadId, request, !resumeFromBlob);
}

/**
 * Remembers an existing disk.
 * @param ofUpload - The upload that its tag names.
 * @param isTaken - Whether something else may still write to it, so that everything is read back at the end.
 */
async function adopt(
  { uniqueId, diskState }: ManagedDisk,
  ofUpload: string | undefined,
  request: ClaimRequest,
  isTaken = false,
): Promise<OwnedDisk> {
  const { resumeFromBlob, restart, file, source } = request;
  const uploadId = ofUpload ?? randomUUID();
  const { disk } = owned(request, { uploadId, uniqueId, isTagged: ofUpload !== undefined });
  const empty = emptyCheckpoint({ uploadId, startedAt: new Date().toISOString() }, request);
  const isWritten = isTaken && diskState === 'ActiveUpload';
  await file.save({
    ...empty,
    disk: disk.state,
    ...(resumeFromBlob && !restart ? { fromBlob: true } : {}),
    ...(isWritten ? { unverified: [{ offset: 0, length: source.diskSize }] } : {}),
  });
  return disk;
}

/**
 * Creates the disk of the checkpoint, which is saved first: after a stop between the two, the next run finds its disk.
 * @param previous - The checkpoint to put back if the service refuses to create the disk.
 */
async function createDisk(
  checkpoint: Checkpoint,
  previous: Checkpoint | undefined,
  request: ClaimRequest,
): Promise<OwnedDisk> {
  const { disks, id, bodyWith, file, emit, signal } = request;
  const { uploadId } = checkpoint;
  await file.save({ ...checkpoint, disk: { id: idOf(id) } });
  emit({ type: 'phase', phase: 'creating' });
  const created = await disks.create(id, bodyWith({ [UPLOAD_TAG]: uploadId }), signal).catch(async (error: unknown) => {
    if (await isRefused(error, uploadId, request)) {
      await (previous === undefined ? file.remove() : file.save(previous)).catch(() => undefined);
    }
    throw error;
  });
  // Creating a disk that exists updates it: of two uploads at the same time, the last one has its tag there.
  const now = (await disks.get(id, signal)) ?? created;
  const own = owned(request, { uploadId, uniqueId: now.uniqueId, isTagged: true });
  assertOwned(now, own);
  await remember(checkpoint, own.disk.state, request);
  return own.disk;
}

/** Whether it is certain that the disk was not created. Does not fail. */
async function isRefused(error: unknown, uploadId: string, { disks, id, signal }: ClaimRequest): Promise<boolean> {
  if (![DestinationError, CredentialError, InUseError].some((kind) => error instanceof kind)) return false;
  return await disks.get(id, signal).then(
    (found) => found?.tags[UPLOAD_TAG] !== uploadId,
    () => false,
  );
}

type Ownership = Pick<OwnedDiskOptions, 'uploadId' | 'uniqueId' | 'isTagged' | 'wasFinishing'>;

function owned({ disks, id, expectedMs, emit }: ClaimRequest, own: Ownership) {
  return { disk: new OwnedDisk({ disks, id, expectedMs, emit, ...own }), id, ...own };
}

function isSameId(stored: string, id: ResourceId): boolean {
  return stored.toLowerCase() === idOf(id).toLowerCase();
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
