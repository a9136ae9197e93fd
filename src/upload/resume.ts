// Resumes an upload: takes over its blob, and decides what must be read back at the end.

import { RangeSet } from '../base/range-set.ts';
import { DestinationError, InUseError } from '../errors.ts';
import { inUse } from '../remote/lease.ts';
import { isComplete, OWNER } from '../state/blob-metadata.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import { decodeOwner } from '../state/lease-holder.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import { leaseIds, leaseOf, restoreCheckpoint, type Session, type SessionRequest, sessionMetadata } from './context.ts';
import { assertSameBlob } from './identity.ts';
import { assertSamePages, isProved } from './proof.ts';

/** How often a blob that keeps changing is looked at before the run gives up. */
const MAX_LOOKS = 5;

/**
 * Resumes the upload of `stored`. A possible write by something else is no reason to refuse: data that is not proved unmodified is
 * read back at the end.
 * @param first - The existing blob.
 * @throws {DestinationError} the blob is a different one, has failed, or holds other pages than were sent.
 * @throws {InUseError} something else uploads to the blob or holds a lease on it.
 */
export async function resume(
  stored: Checkpoint,
  first: BlobProperties | undefined,
  request: SessionRequest,
): Promise<Session> {
  const { lifecycle, store, file, owner, breakLease, signal } = request;
  const { uploadId, startedAt } = stored;
  const session = { uploadId, startedAt, earlier: stored };
  const complete: Session = { ...session, isComplete: true, unverified: new RangeSet() };

  // 1. The blob belongs to the checkpoint, and no run that may be alive holds it.
  assertSameBlob(stored, first, file.path);
  if (isComplete(first.metadata)) {
    // The run that completed it was killed before it could release its lease, which would keep a disk from being made of the blob.
    if (first.isLeased) await lifecycle.releaseAbandoned(stored.lease.ids);
    return complete;
  }
  lifecycle.assertFree(stored.lease, first, breakLease);

  // 2. Acquire the lease. The checkpoint names it first, so that the next run can take over at once after a kill.
  const lease = { ...stored.lease, owner, ids: leaseIds(owner, stored.lease) };
  await file.save({ ...stored, lease });
  const hold = await lifecycle.hold(stored.lease, first, uploadId, breakLease).catch(async (error: unknown) => {
    if (error instanceof InUseError) await restoreCheckpoint(stored, request);
    throw error;
  });

  // 3. Unless the blob is proved unmodified, everything done so far becomes unverified.
  const proved = isProved(stored, hold);
  const unverified = new RangeSet([...stored.unverified, ...(proved ? [] : stored.done)]);
  // What the copy of the base brought may have been modified as well.
  const base = stored.base && { base: { ...stored.base, proved: stored.base.proved && proved } };
  let current = hold.etag === first.etag ? first : await lookAgain(stored, first, request);
  if (isComplete(current.metadata)) return complete;
  if (!proved) await assertSamePages(stored, store, signal);

  // 4. Save that before the first write to the blob.
  const { etag: _, ...known } = stored;
  await file.save({ ...known, ...base, unverified: unverified.ranges, lease: leaseOf(owner, lifecycle.isHeld) });

  // 5. Name this run in the blob. Without a lease, the blob may have changed since the last look.
  const metadata = sessionMetadata(uploadId, request, stored.base);
  for (let looks = 1; !(await lifecycle.mark(uploadId, metadata, current.etag, signal)); looks++) {
    current = await lookAgain(stored, first, request);
    if (isComplete(current.metadata)) return complete;
    if (looks === MAX_LOOKS) {
      throw new DestinationError(
        `Cannot resume: something else is writing to the blob ${stored.blobUrl} right now. Run the same command again when nothing else uses the blob.`,
      );
    }
  }
  return { ...session, ...base, isComplete: false, unverified };
}

/** @throws {InUseError} another run has started to use the blob since `first`. */
async function lookAgain(
  stored: Checkpoint,
  first: BlobProperties,
  { lifecycle, store, file, owner, signal }: SessionRequest,
): Promise<BlobProperties> {
  const current = await lifecycle.properties(signal);
  assertSameBlob(stored, current, file.path);
  const other = decodeOwner(current.metadata[OWNER]);
  const known = [owner.id, decodeOwner(first.metadata[OWNER])?.id];
  if (other !== undefined && !lifecycle.isHeld && !known.includes(other.id)) throw inUse(store.url, other);
  return current;
}
