// abortDisk: gives up the upload to a managed disk, and deletes the disk. Finished disks are never deleted.

import { azDelete } from '../azure/arm/command-text.ts';
import type { ManagedDisk } from '../azure/arm/managed-disks.ts';
import { idOf, nameOf, type ResourceId } from '../azure/arm/resource-id.ts';
import { shownPath } from '../base/printable.ts';
import { messageOf } from '../base/thrown.ts';
import { CheckpointError, DestinationError, InUseError, UsageError, VerificationError, VhdupError } from '../errors.ts';
import { type EventListener, shielded } from '../events.ts';
import type { ArmOptions } from '../options.ts';
import { type ArmSession, connectArm } from '../remote/arm-session.ts';
import { isInUpload, UPLOAD_TAG } from '../remote/owned-disk.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { CheckpointFile } from '../state/checkpoint-file.ts';
import { ExclusiveAccess } from '../state/exclusive-access.ts';
import { meaningOf } from './disk-states.ts';
import { type DiskStatus, statusOf } from './disk-status.ts';
import { endWithFooter } from './end-with-footer.ts';

export interface AbortDiskOptions extends ArmOptions {
  /** Name or resource id. */
  readonly disk: string;
  /** Path of the checkpoint of the upload, which is removed with the disk. @default none */
  readonly checkpoint?: string;
  /** Abort the upload of another program too. @default false */
  readonly force?: boolean;
  /** Asked before anything changes. False stops with a UsageError. @default nothing is asked */
  readonly confirm?: (disk: DiskStatus) => Promise<boolean>;
}

export interface AbortDiskResult {
  readonly id: string;
  readonly name: string;
  /** False if the disk did not exist any more. */
  readonly deleted: boolean;
  /** Path of the checkpoint, if it existed. */
  readonly removedCheckpoint?: string;
}

/** What one abort works with. */
interface Work {
  readonly session: ArmSession;
  readonly disk: ResourceId;
  readonly options: AbortDiskOptions;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
}

/** How long the state of the disk is looked up after a failure, in milliseconds. */
const LOOK_TIMEOUT_MS = 10_000;

const DISK = { type: 'Microsoft.Compute/disks', option: 'NAME' } as const;

/**
 * Aborting twice is harmless.
 * @throws {DestinationError} the disk is not in upload, or not by vhdup and without `force`.
 * @throws {InUseError} a run of vhdup works on the checkpoint now.
 * @throws {CheckpointError} the checkpoint belongs to another upload. @throws as `connectArm` and `ArmClient` do.
 */
export async function abortDisk(options: AbortDiskOptions): Promise<AbortDiskResult> {
  const { checkpoint, signal: given = new AbortController().signal } = options;
  given.throwIfAborted();
  const emit = shielded(options.onEvent);
  const session = await connectArm(options, emit, { ...DISK, text: options.disk });
  let access: ExclusiveAccess | undefined;
  try {
    const disk = session.resource(options.disk, DISK.type, DISK.option);
    access = checkpoint === undefined ? undefined : await ExclusiveAccess.begin(checkpoint, given);
    const { signal } = access ?? { signal: given };
    const file = checkpoint === undefined ? undefined : new CheckpointFile(checkpoint);
    const stored = await file?.load();
    if (stored !== undefined) assertOfDisk(stored, disk, checkpoint ?? '');
    const deleted = await abort({ session, disk, options, emit, signal }, stored);
    await file?.remove();
    const removed = stored === undefined || checkpoint === undefined ? {} : { removedCheckpoint: checkpoint };
    return { id: idOf(disk), name: nameOf(disk), deleted, ...removed };
  } finally {
    await access?.end();
    session.close();
  }
}

/** @returns false if the disk did not exist. */
async function abort(work: Work, stored: Checkpoint | undefined): Promise<boolean> {
  const { session, disk, options, signal } = work;
  const found = await session.disks.get(disk, signal);
  if (found === undefined) return false;
  assertAbortable(found, work, stored);
  if (options.confirm === undefined) {
    await endAndDelete(found, work);
    return true;
  }
  if (!(await options.confirm(statusOf(found, disk, options)))) {
    throw new UsageError(`Not confirmed: the disk ${found.name} was not changed.`);
  }
  signal.throwIfAborted();
  // The answer may have taken minutes.
  const now = await session.disks.get(disk, signal);
  if (now === undefined) return false;
  assertAbortable(now, work, stored);
  await endAndDelete(now, work);
  return true;
}

/** The service refuses to delete a disk to which somebody has access, so that is ended first. */
async function endAndDelete(found: ManagedDisk, work: Work): Promise<void> {
  const { session, disk, signal } = work;
  try {
    const refusal = found.diskState === 'ActiveUpload' ? await endAccess(work) : undefined;
    try {
      await session.disks.delete(disk, signal);
    } catch (error) {
      if (!(error instanceof InUseError || error instanceof DestinationError)) throw error;
      // A missing permission to end the access explains more than that there still is an access.
      if (!(refusal instanceof VerificationError)) throw refusal ?? error;
      await endWithFooter(found, work);
      await session.disks.delete(disk, signal);
    }
  } catch (error) {
    await warnIfEnded(work);
    throw error;
  }
}

/** @returns why the access could not be ended. The deletion shows whether that matters. */
async function endAccess({ session, disk, emit, signal }: Work): Promise<VhdupError | undefined> {
  try {
    await session.disks.endAccess(disk, signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof VhdupError)) throw error;
    emit({ type: 'debug', message: `The access could not be ended, which an abort ignores: ${messageOf(error)}` });
    return error;
  }
}

/** Nothing in Azure shows that the content of a disk is not complete if its upload was ended. Does not fail. */
async function warnIfEnded({ session, disk, emit }: Work): Promise<void> {
  const now = await session.disks.get(disk, AbortSignal.timeout(LOOK_TIMEOUT_MS)).catch(() => undefined);
  if (now?.diskState !== 'Unattached') return;
  emit({
    type: 'warning',
    code: 'unfinished-disk',
    message: `The upload to the disk ${nameOf(disk)} was ended, but the disk was not deleted. It looks like a finished disk (Unattached), but its content is not complete: do not use it. Delete it: ${azDelete(disk)}.`,
  });
}

/** @throws {DestinationError} the disk has finished content, or is not an upload of vhdup. */
function assertAbortable(found: ManagedDisk, { disk, options }: Work, stored: Checkpoint | undefined): void {
  const { name, diskState, provisioningState = '' } = found;
  const hasFailed = diskState === undefined && /^(?:failed|canceled)$/i.test(provisioningState);
  if (diskState === undefined && !hasFailed) {
    throw new InUseError(`The disk ${name} is being created. Run the same command again in a minute.`);
  }
  if (!hasFailed && !isInUpload(found)) {
    throw new DestinationError(
      `The disk ${name} is not in upload, so there is nothing to abort, and vhdup deletes no finished disk. Its state is ${meaningOf(found)}. If nothing needs it any more: ${azDelete(disk)}.`,
      { reason: 'NotInUpload' },
    );
  }
  const uploadId = found.tags[UPLOAD_TAG];
  // An upload to a disk that somebody else created leaves no tag, but a checkpoint.
  const isOfCheckpoint = stored?.disk?.uniqueId !== undefined && stored.disk.uniqueId === found.uniqueId;
  if (uploadId === undefined && !isOfCheckpoint && options.force !== true) {
    throw new DestinationError(
      `The disk ${name} is in upload (${meaningOf(found)}), but vhdup did not create it: it has no tag ${UPLOAD_TAG}. Another program may be uploading to it. To delete it anyway, add --force, or --checkpoint with the checkpoint of its upload.`,
      { reason: 'NotOfVhdup' },
    );
  }
  const isOther = stored?.disk?.uniqueId !== undefined && stored.disk.uniqueId !== found.uniqueId;
  if (isOther || (stored !== undefined && uploadId !== undefined && stored.uploadId !== uploadId)) {
    throw new DestinationError(
      `The disk ${name} is not the disk of the checkpoint ${shownPath(options.checkpoint ?? '')}: somebody has deleted that one and created another one of the same name. Nothing was deleted. To abort the upload of the new one, leave out --checkpoint.`,
      { reason: 'DiskReplaced' },
    );
  }
}

function assertOfDisk(stored: Checkpoint, disk: ResourceId, path: string): void {
  if (stored.disk?.id.toLowerCase() === idOf(disk).toLowerCase()) return;
  throw new CheckpointError(
    `The checkpoint ${shownPath(path)} belongs to the upload to ${stored.disk?.id ?? stored.blobUrl}, not to the disk ${idOf(disk)}. Name the checkpoint of that disk with --checkpoint, or leave the option out.`,
  );
}
