// Goes on with an earlier upload: takes its blob over, and finds out how far what is there can be trusted.

import { alignDown, alignUp, type ByteRange, endOf } from '../base/byte-range.ts';
import { RangeSet } from '../base/range-set.ts';
import { DestinationError } from '../errors.ts';
import { isComplete, OWNER, STATE, sequenceNumberOf } from '../state/blob-metadata.ts';
import type { Checkpoint, CheckpointLease } from '../state/checkpoint.ts';
import { decodeOwner } from '../state/lease-holder.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import { WINDOW_SIZE } from '../transfer/plan.ts';
import { assertSameBlob } from './identity.ts';
import { asLastRunLeft, assertSamePages, completedMeanwhile, isProven, suspicionOf, touched } from './proof.ts';
import { pagesThere } from './recover.ts';
import { emptyCheckpoint, type Session, type SessionRequest, sessionOf } from './session.ts';
import { unlessRefused } from './unless-refused.ts';

/** Looks at a blob that changes before it is this run's. */
const MAX_LOOKS = 5;

/**
 * Goes on with the upload of `stored`, once it is certain that the blob is its own, that nobody else is at it, and that nothing
 * else wrote to it.
 * @param onDisk - The checkpoint that is put back should the upload not be gone on with.
 */
export async function goOn(
  stored: Checkpoint,
  onDisk: Checkpoint | undefined,
  there: BlobProperties | undefined,
  request: SessionRequest,
): Promise<Session> {
  const { file, lease, verifiesAll } = request;
  assertSameBlob(stored, there, file.path);
  const known = asLastRunLeft(stored, there);
  const early = suspicionOf(known, there);
  const refusal = (what: string) => touched(known, what, onDisk !== undefined);
  if (early !== undefined && !verifiesAll) throw refusal(early);
  lease.inherit(known.lease, there.isLeased);
  await lease.assertFree(request.breakLease);
  const last = decodeOwner(there.metadata[OWNER])?.id;
  const claim = () => ({ ...lease.claim, ...(last === undefined ? {} : { follows: last }) });
  // Before the lease: a run that is killed between the two leaves one that the next run knows as its own.
  await file.save({ ...known, lease: claim() });
  const earlier = await unlessRefused(onDisk, request, async (): Promise<Checkpoint> => {
    await lease.takeOver();
    const suspicion = early ?? suspicionOf(known, there, lease);
    if (suspicion !== undefined && !verifiesAll) throw refusal(suspicion);
    if (isComplete(there.metadata) && !isProven(known, there, lease)) throw completedMeanwhile(known.blobUrl, there);
    // One that proves, also to later runs, when somebody writes to the blob at this very moment.
    const isEtagFinal = known.etag !== undefined && known.etagMayChange !== true;
    const isCertain = lease.isContinued === true || isEtagFinal;
    const worse = suspicion !== undefined ? inState(known, 'exposed') : isCertain ? known : inState(known, 'doubted');
    // Before this run has a lease of its own: that would prove nothing of the time before it, and a later run can go on from it.
    if (worse !== known) await file.save({ ...worse, lease: claim() });
    await lease.take(stored.uploadId, request.breakLease);
    const isChanged = lease.isContinued !== true && lease.etag !== undefined && lease.etag !== there.etag;
    if (isChanged && isEtagFinal) {
      if (!verifiesAll) throw refusal('was changed at this very moment');
      return inState(known, 'exposed');
    }
    return suspicion === undefined && !isChanged && isProven(known, there, lease) ? known : worse;
  });
  return await takeUp(earlier, there, claim, request);
}

/** What nothing proves any more, all that is there. */
function inState(checkpoint: Checkpoint, state: 'doubted' | 'exposed'): Checkpoint {
  const { doubted: _, ...rest } = checkpoint;
  return { ...rest, state: checkpoint.state === 'exposed' ? 'exposed' : state };
}

/** Looks at the pages of a blob that is this run's alone now, and writes to it for the first time. */
async function takeUp(
  earlier: Checkpoint,
  there: BlobProperties,
  claim: () => CheckpointLease,
  request: SessionRequest,
  looks = 1,
): Promise<Session> {
  const { blob, source, file, lease, retrier, signal } = request;
  if (earlier.etag !== there.etag) await assertSamePages(earlier, blob, retrier, signal);
  const fresh = sessionOf(earlier.uploadId, earlier.startedAt, request);
  const metadata: Session['metadata'] = { ...fresh.metadata, [STATE]: earlier.state ?? 'uploading' };
  const session = { ...fresh, metadata, earlier };
  // Before the first write: the ETag is not what it was from then on.
  const { done, sent, doubted } = earlier;
  const doubt = doubted === undefined ? {} : { doubted };
  const save = (etag: string) => {
    const left = { ...doubt, etag, etagMayChange: true, lease: claim() } as const;
    return file.save({ ...emptyCheckpoint(session, request), done, sent, ...left });
  };
  await save(there.etag);
  blob.guardWith(sequenceNumberOf(session.uploadId));
  // Without a lease that says so, only the ETag does: nobody has written to it since it was looked at.
  const etag = lease.isContinued === true || lease.etag !== undefined ? undefined : there.etag;
  const marked = await markAsTaken(session, etag, request);
  if (marked === undefined) {
    const changed = await retrier.run('Get Blob Properties', signal, (attempt) => blob.properties(attempt));
    assertSameBlob(earlier, changed, file.path);
    if (isComplete(changed.metadata)) throw completedMeanwhile(blob.address.url, changed);
    const owner = decodeOwner(changed.metadata[OWNER]);
    const isKnown = owner?.id === lease.owner.id || owner?.id === decodeOwner(there.metadata[OWNER])?.id;
    if (owner !== undefined && !isKnown) throw lease.inUse(owner);
    if (looks === MAX_LOOKS) throw touched(earlier, 'is written to by something else at this very moment', true);
    // By somebody else, by the last request of a run that was killed a moment ago, or by this very run: the answer was lost.
    return await takeUp(inState(earlier, 'doubted'), changed, claim, request, looks + 1);
  }
  const proof = marked.etag === undefined ? {} : { etag: marked.etag };
  // As long as nothing is sent, it proves what else only a lease does.
  if (!lease.isHeld && marked.etag !== undefined) await save(marked.etag);
  const isFromBlob = earlier.fromBlob === true;
  const found = isFromBlob ? await pagesThere(blob, source.diskSize, retrier, signal) : undefined;
  const resumed: Session = { ...session, ...proof, ...(found === undefined ? {} : { found }) };
  if (earlier.state !== 'doubted') return resumed;
  return { ...resumed, doubted: new RangeSet(doubted ?? [...done, ...(found?.ranges ?? []).map(inWindows)]) };
}

/** The windows that `range` lies in: what is kept in the checkpoint stays few ranges. */
function inWindows(range: ByteRange): ByteRange {
  const offset = alignDown(range.offset, WINDOW_SIZE);
  return { offset, length: alignUp(endOf(range), WINDOW_SIZE) - offset };
}

/** @returns the ETag since then, where the service told; undefined where the blob has not `etag` any more. */
async function markAsTaken(
  { metadata }: Session,
  etag: string | undefined,
  { blob, lease, retrier, signal }: SessionRequest,
): Promise<{ readonly etag: string | undefined } | undefined> {
  try {
    const mark = (attempt: AbortSignal) => lease.attempt(() => blob.setMetadata(metadata, attempt, etag));
    return { etag: await retrier.run('Set Blob Metadata', signal, mark) };
  } catch (error) {
    if (error instanceof DestinationError && error.reason === 'ConditionNotMet') return undefined;
    throw error;
  }
}
