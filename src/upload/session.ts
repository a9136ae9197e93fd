// Opens a session: creates the blob, resumes an earlier run, or recovers an upload whose checkpoint is lost.

import { CheckpointError, CredentialError } from '../errors.ts';
import { UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import { warnOfOtherOptions } from './blob-options.ts';
import type { Session, SessionRequest, TargetRequest } from './context.ts';
import { copyBase, resumeCopy } from './copy-base.ts';
import { create } from './create.ts';
import { assertSameBase, assertSameSource } from './identity.ts';
import { checkpointOfBlob } from './recover.ts';
import { resume } from './resume.ts';

/**
 * Leaves a blob of the right size that belongs to this run, and its checkpoint.
 * @throws {CheckpointError | ImageChangedError | DestinationError} checkpoint, image and blob do not belong together.
 * @throws {InUseError} something else uploads to the blob or holds a lease on it.
 */
export async function openSession(request: SessionRequest): Promise<Session> {
  const { lifecycle, restart, signal } = request;
  const stored = await loadCheckpoint(request);
  if (stored !== undefined && !restart) {
    assertSameSource(stored, request);
    assertSameBase(stored, request);
  }
  if (!lifecycle.capabilities.read) return await createUnseen(stored, request);
  const existing = await lifecycle.properties(signal);

  const isOurs = stored !== undefined && existing?.metadata[UPLOAD_ID] === stored.uploadId;
  const hasStarted = stored !== undefined && (stored.done.length > 0 || stored.fromBlob === true);
  if (stored?.base?.copied === false && isOurs && !restart && !hasEnded(existing)) {
    // The content type is still to be set.
    const { tier } = request.blobOptions ?? {};
    warnOfOtherOptions(existing, { ...request, blobOptions: tier === undefined ? {} : { tier } });
    return await resumeCopy(stored, request);
  }
  const canResume = stored?.base?.copied !== false && (isOurs || hasStarted);
  if (stored !== undefined && !restart && canResume) {
    warnOfOtherOptions(existing, request);
    return await resume(stored, existing, request);
  }
  if (request.resumeFromBlob && !restart && existing !== undefined) {
    // A checkpoint that has not started holds no progress to lose, but its run may have leased the blob.
    const found = checkpointOfBlob(existing, request);
    const ids = stored?.lease.ids ?? [];
    warnOfOtherOptions(existing, request);
    return await resume({ ...found, lease: { ...found.lease, ids } }, existing, request);
  }
  if (request.base !== undefined) return await copyBase(stored, existing, request, request.base);
  return await create(stored, existing, request);
}

/** Whether a blob exists is not known: Put Blob refuses to replace one. @throws {CredentialError} an earlier run has made progress. */
async function createUnseen(stored: Checkpoint | undefined, request: SessionRequest): Promise<Session> {
  const hasStarted = stored !== undefined && (stored.done.length > 0 || stored.fromBlob === true);
  if (!hasStarted || request.restart) return await create(stored, undefined, request);
  throw new CredentialError(
    `Cannot resume the upload to ${request.targetUrl} with a SAS that lacks r (read, for Get Blob Properties): nothing shows that the blob is still the one of the checkpoint ${request.file.path}. Run the same command with a SAS with at least sp=rw.`,
  );
}

/** Whether a copy onto the blob has failed or was aborted, so that it has to be started once more. */
function hasEnded(existing: BlobProperties | undefined): boolean {
  return existing?.copy?.status === 'failed' || existing?.copy?.status === 'aborted';
}

/** `--restart` and `--resume-from-blob` replace an unusable checkpoint, but never any other file. */
export async function loadCheckpoint({
  file,
  restart,
  resumeFromBlob,
}: Pick<TargetRequest, 'file' | 'restart' | 'resumeFromBlob'>): Promise<Checkpoint | undefined> {
  try {
    return await file.load();
  } catch (error) {
    const isReplaceable = error instanceof CheckpointError && !error.isForeign;
    if (isReplaceable && (restart || resumeFromBlob)) return undefined;
    throw error;
  }
}
