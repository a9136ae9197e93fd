// Resuming an upload: takes its blob over, and decides what has to be read back at the end.

import { RangeSet } from '../base/range-set.ts';
import { DestinationError, InUseError } from '../errors.ts';
import { isComplete, OWNER } from '../state/blob-metadata.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { decodeOwner } from '../state/lease-holder.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import { leaseOf, type Session, type SessionRequest, sessionMetadata } from './context.ts';
import { assertSameBlob } from './identity.ts';
import { assertSamePages, isProved } from './proof.ts';

/** Looks at a blob that changes, before this run has written to it. */
const MAX_LOOKS = 5;

/**
 * Resumes the upload of `stored`. It is not refused because something else may have written to the blob: what nothing proves to
 * be as it was sent is read back at the end.
 * @param first - The existing blob.
 * @throws {DestinationError} the blob is another one, failed, or holds other pages than were sent.
 * @throws {InUseError} somebody else is uploading to it, or holds it.
 */
export async function resume(
  stored: Checkpoint,
  first: BlobProperties | undefined,
  request: SessionRequest,
): Promise<Session> {
  const { lifecycle, store, file, owner, breakLease, signal } = request;
  const { uploadId, startedAt } = stored;

  // 1. The blob is the one of the checkpoint, and nobody who may still live holds it.
  assertSameBlob(stored, first, file.path);
  if (isComplete(first.metadata)) return completeSession(stored);
  lifecycle.assertFree(stored.lease, first, breakLease);

  // 2. This run holds it. The checkpoint names the lease first: a run that is killed between the two can be followed at once.
  const lease = { ...stored.lease, owner, ids: [owner.id, ...stored.lease.ids] };
  await file.save({ ...stored, lease });
  const hold = await lifecycle.hold(stored.lease, first, uploadId, breakLease).catch(async (error: unknown) => {
    if (error instanceof InUseError) await file.save(stored);
    throw error;
  });

  // 3. What is known to be as it was sent stays so; everything else is unverified from now on.
  const proved = isProved(stored, hold);
  const unverified = new RangeSet([...stored.unverified, ...(proved ? [] : stored.done)]);
  let there = hold.etag === first.etag ? first : await lookAgain(stored, first, request);
  if (isComplete(there.metadata)) return completeSession(stored);
  if (!proved) await assertSamePages(stored, store, signal);

  // 4. The checkpoint says so before the blob is written to for the first time.
  const { etag: _, ...known } = stored;
  await file.save({ ...known, unverified: unverified.ranges, lease: leaseOf(owner, lifecycle.isHeld) });

  // 5. The blob names this run. Without a lease, it may have changed since it was looked at.
  const metadata = sessionMetadata(uploadId, request);
  for (let looks = 1; !(await lifecycle.mark(uploadId, metadata, there.etag, signal)); looks++) {
    there = await lookAgain(stored, first, request);
    if (isComplete(there.metadata)) return completeSession(stored);
    if (looks === MAX_LOOKS) throw changing(stored);
  }
  return { uploadId, startedAt, earlier: stored, isComplete: false, unverified };
}

function completeSession(stored: Checkpoint): Session {
  const { uploadId, startedAt } = stored;
  return { uploadId, startedAt, earlier: stored, isComplete: true, unverified: new RangeSet() };
}

/** @throws {InUseError} another run has come to the blob since `first`. */
async function lookAgain(
  stored: Checkpoint,
  first: BlobProperties,
  { lifecycle, file, owner, signal }: SessionRequest,
): Promise<BlobProperties> {
  const there = await lifecycle.properties(signal);
  assertSameBlob(stored, there, file.path);
  const other = decodeOwner(there.metadata[OWNER]);
  const known = [owner.id, decodeOwner(first.metadata[OWNER])?.id];
  if (other !== undefined && !lifecycle.isHeld && !known.includes(other.id)) throw lifecycle.inUse(other);
  return there;
}

function changing({ blobUrl }: Checkpoint): DestinationError {
  return new DestinationError(
    `Cannot resume: the blob ${blobUrl} is written to by something else at this very moment. Run the same command again when nothing else uses it.`,
  );
}
