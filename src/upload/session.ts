// Opens a session: creates the blob, resumes an earlier run, or recovers one whose checkpoint is lost.

import { CheckpointError } from '../errors.ts';
import { UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { emptyCheckpoint, newUpload, type Session, type SessionRequest } from './context.ts';
import { create } from './create.ts';
import { assertSameSource } from './identity.ts';
import { checkpointOfBlob } from './recover.ts';
import { resume } from './resume.ts';

/**
 * Leaves a blob of the right size that is this run's, and a checkpoint of it.
 * @throws {CheckpointError | ImageChangedError | DestinationError} checkpoint, image and blob do not belong together.
 * @throws {InUseError} somebody else is uploading to the blob, or holds it.
 */
export async function openSession(request: SessionRequest): Promise<Session> {
  const { lifecycle, restart, signal } = request;
  const stored = await loadCheckpoint(request);
  if (stored !== undefined && !restart) assertSameSource(stored, request);
  const there = await lifecycle.properties(signal);

  const isOurs = stored !== undefined && there?.metadata[UPLOAD_ID] === stored.uploadId;
  const hasStarted = stored !== undefined && (stored.done.length > 0 || stored.fromBlob === true);
  if (stored !== undefined && !restart && (isOurs || hasStarted)) return await resume(stored, there, request);
  if (request.resumeFromBlob && stored === undefined && there !== undefined) {
    return await resume(checkpointOfBlob(there, emptyCheckpoint(newUpload(), request), request), there, request);
  }
  return await create(stored, there, newUpload(), request);
}

/** For `--restart` and `--resume-from-blob`, a checkpoint that cannot be used is only a file that will be replaced. Any other file is not. */
async function loadCheckpoint({ file, restart, resumeFromBlob }: SessionRequest): Promise<Checkpoint | undefined> {
  try {
    return await file.load();
  } catch (error) {
    const isReplaceable = error instanceof CheckpointError && !error.isForeign;
    if (isReplaceable && (restart || resumeFromBlob)) return undefined;
    throw error;
  }
}
