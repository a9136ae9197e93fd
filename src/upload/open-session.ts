// Begins an upload, or goes on with an earlier one: only when checkpoint, image and blob agree that they belong together.
import { randomUUID } from 'node:crypto';
import { CheckpointError } from '../errors.ts';
import { sequenceNumberOf, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint, ReplacedBlob } from '../state/checkpoint.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import { assertMayCreate, createBlob } from './create.ts';
import { assertSameSource } from './identity.ts';
import { checkpointOfBlob, imageFingerprint } from './recover.ts';
import { goOn } from './resume.ts';
import { emptyCheckpoint, type Session, type SessionRequest, sessionOf } from './session.ts';
import { unlessRefused } from './unless-refused.ts';

/**
 * Leaves a blob of the right size that carries the upload's id and that nothing else writes to, and a checkpoint.
 * @throws {CheckpointError | ImageChangedError | DestinationError} checkpoint, image and blob do not belong together.
 * @throws {InUseError} somebody else is uploading to the blob, or holds it.
 */
export async function openSession(request: SessionRequest): Promise<Session> {
  const { blob, restart, retrier, signal } = request;
  const stored = await loadCheckpoint(request);
  if (stored !== undefined && !restart) assertSameSource(stored, request);
  const there = await retrier.run('Get Blob Properties', signal, (attempt) => blob.properties(attempt));

  const isOurs = stored !== undefined && there?.metadata[UPLOAD_ID] === stored.uploadId;
  if (stored !== undefined && !restart && (isOurs || stored.done.length > 0 || stored.fromBlob === true)) {
    return await goOn(stored, stored, there, request);
  }
  if (request.resumeFromBlob && stored === undefined && there !== undefined) {
    const empty = emptyCheckpoint(sessionOf(randomUUID(), new Date().toISOString(), request), request);
    const rebuilt = checkpointOfBlob(there, empty, imageFingerprint(request.image, request.trustUnmarkedSectors));
    return await goOn(rebuilt, undefined, there, request);
  }
  return await begin(stored, there, isOurs || request.overwrite || mayReplaceStill(stored, there), request);
}

/** Creates the blob, or takes the place of one that may be replaced. */
async function begin(
  stored: Checkpoint | undefined,
  there: BlobProperties | undefined,
  mayReplace: boolean,
  request: SessionRequest,
): Promise<Session> {
  const { blob, file, lease, breakLease } = request;
  lease.inherit(stored?.lease, there?.isLeased === true);
  await lease.assertFree(breakLease);
  const session = sessionOf(randomUUID(), new Date().toISOString(), request);
  // Before the blob: a run that ends between the two finds a blob that it knows as its own, or still may replace.
  const replaces = there !== undefined && mayReplace ? { replaces: replacedBlob(stored, there) } : {};
  await file.save({ ...emptyCheckpoint(session, request), ...replaces });
  await unlessRefused(stored, request, async () => {
    assertMayCreate(blob.address.url, there, mayReplace);
    if (there !== undefined) await lease.takeOver();
    const isBroken = there !== undefined && (await lease.take(session.uploadId, breakLease));
    await createBlob(session, isBroken ? await lookAgain(there, request) : there, mayReplace, request);
    if (there === undefined) await lease.take(session.uploadId, breakLease);
  });
  blob.guardWith(sequenceNumberOf(session.uploadId));
  return session;
}

/** What is known of a blob that may be replaced, should this run end before it has done so. */
function replacedBlob(stored: Checkpoint | undefined, { etag, metadata }: BlobProperties): ReplacedBlob {
  const uploadId = metadata[UPLOAD_ID];
  const isOurs = uploadId !== undefined && (uploadId === stored?.uploadId || uploadId === stored?.replaces?.uploadId);
  return isOurs ? { etag, uploadId } : { etag };
}

/** Whether the run before was allowed to replace what is there, but ended before it had. */
function mayReplaceStill(stored: Checkpoint | undefined, there: BlobProperties | undefined): boolean {
  const replaces = stored?.replaces;
  if (replaces === undefined || there === undefined) return false;
  return (
    there.etag === replaces.etag || (replaces.uploadId !== undefined && there.metadata[UPLOAD_ID] === replaces.uploadId)
  );
}

/** What its holder wrote until the lease was broken is no reason not to replace the blob; another blob in its place is. */
async function lookAgain(there: BlobProperties, { blob, retrier, signal }: SessionRequest): Promise<BlobProperties> {
  const now = await retrier.run('Get Blob Properties', signal, (attempt) => blob.properties(attempt));
  return now?.metadata[UPLOAD_ID] === there.metadata[UPLOAD_ID] && now !== undefined ? now : there;
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
