// Begins an upload, or goes on with an earlier one: only when checkpoint, image and blob agree that they belong together.
import { randomUUID } from 'node:crypto';
import type { BlobProperties, PageBlobTarget } from './azure/page-blob-target.ts';
import type { BlobLease } from './blob-lease.ts';
import { IMAGE, LEFT, OWNER, STATE, sequenceNumberOf, UPLOAD_ID } from './blob-metadata.ts';
import type { Checkpoint, CheckpointLease, ReplacedBlob } from './checkpoint/checkpoint.ts';
import type { CheckpointFile } from './checkpoint/checkpoint-file.ts';
import { assertMayCreate, createBlob } from './create-blob.ts';
import { CheckpointError, CredentialError, DestinationError, InUseError, type VhdupError } from './errors.ts';
import type { DiskImage } from './image/disk-image.ts';
import type { FixedVhdView } from './image/fixed-vhd-view.ts';
import { decodeOwner, encodeOwner } from './owner.ts';
import { checkpointOfBlob, imageFingerprint, pagesThere } from './resume-from-blob.ts';
import { assertSameBlob, assertSameSource } from './same-upload.ts';
import { RangeSet } from './transfer/range-set.ts';
import type { Retrier } from './transfer/retry.ts';
import { asLastRunLeft, assertSamePages, isProven, suspicionOf, touched } from './untouched.ts';
import { VERSION } from './version.ts';

/** What an upload is between its first request and its last. */
export interface Session {
  readonly uploadId: string;
  /** ISO 8601: when the first run began. */
  readonly startedAt: string;
  /** Set when this run goes on with an earlier one. */
  readonly earlier?: Checkpoint;
  /** Pages of the disk that are in the blob, where the checkpoint was lost and they count as sent. */
  readonly found?: RangeSet;
  /** What may be in the blob since before this run, where nothing proves that it is as it was sent. */
  readonly doubted?: RangeSet;
  /** The blob's metadata while it is incomplete. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface SessionRequest {
  readonly image: DiskImage;
  readonly source: FixedVhdView;
  readonly blob: PageBlobTarget;
  readonly file: CheckpointFile;
  readonly retrier: Retrier;
  readonly signal: AbortSignal;
  readonly overwrite: boolean;
  readonly restart: boolean;
  readonly createContainer: boolean;
  /** Go on without a checkpoint, by what the blob says. */
  readonly resumeFromBlob: boolean;
  /** Take the blob from whoever holds a lease on it. */
  readonly breakLease: boolean;
  /** Whether everything will be read back at the end: then a blob that others may have written to can be gone on with. */
  readonly verifiesAll: boolean;
  /** Not taken yet. */
  readonly lease: BlobLease;
  /** Part of what the disk reads as, and so of what a checkpoint belongs to. */
  readonly trustUnmarkedSectors: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

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
  if (stored !== undefined && !restart && (isOurs || stored.done.length > 0)) {
    return await goOn(stored, stored, there, request);
  }
  if (request.resumeFromBlob && stored === undefined && there !== undefined) {
    const empty = emptyCheckpoint(sessionOf(randomUUID(), new Date().toISOString(), request), request);
    const rebuilt = checkpointOfBlob(there, empty, fingerprintOf(request));
    return await goOn(rebuilt, undefined, there, request);
  }
  return await begin(stored, there, isOurs || request.overwrite || mayReplaceStill(stored, there), request);
}

/**
 * Goes on with the upload of `stored`, once it is certain that the blob is its own, that nobody else is at it, and that nothing
 * else wrote to it.
 * @param onDisk - The checkpoint that is put back should the upload not be gone on with.
 */
async function goOn(
  stored: Checkpoint,
  onDisk: Checkpoint | undefined,
  there: BlobProperties | undefined,
  request: SessionRequest,
): Promise<Session> {
  const { file, lease, verifiesAll } = request;
  assertSameBlob(stored, there, file.path);
  const known = asLastRunLeft(stored, there);
  const early = suspicionOf(known, there);
  if (early !== undefined && !verifiesAll) throw touched(known, early);
  lease.inherit(known.lease, there.isLeased);
  await lease.assertFree(request.breakLease);
  const last = decodeOwner(there.metadata[OWNER])?.id;
  const claim = () => ({ ...lease.claim, ...(last === undefined ? {} : { follows: last }) });
  // Before the lease: a run that is killed between the two leaves one that the next run knows as its own.
  await file.save({ ...known, lease: claim() });
  const earlier = await unlessRefused(onDisk, request, async (): Promise<Checkpoint> => {
    const exposed = { ...known, state: 'exposed' } as const;
    await lease.takeOver();
    const suspicion = early ?? suspicionOf(known, there, lease);
    if (suspicion !== undefined && !verifiesAll) throw touched(known, suspicion);
    // Before this run has a lease that a later one can go on from.
    if (suspicion !== undefined) await file.save({ ...exposed, lease: claim() });
    await lease.take(stored.uploadId, request.breakLease);
    const isChanged = lease.isContinued !== true && lease.etag !== undefined && lease.etag !== there.etag;
    if (isChanged && !verifiesAll) throw touched(known, 'was changed at this very moment');
    if (suspicion !== undefined || isChanged) return exposed;
    return isProven(known, there, lease) ? known : { ...known, state: 'doubted' };
  });
  return await takeUp(earlier, there, claim, request);
}

/** Looks at the pages of a blob that is this run's alone now, and writes to it for the first time. */
async function takeUp(
  earlier: Checkpoint,
  there: BlobProperties,
  claim: () => CheckpointLease,
  request: SessionRequest,
): Promise<Session> {
  const { blob, source, file, lease, retrier, signal } = request;
  if (earlier.etag !== there.etag) await assertSamePages(earlier, blob, retrier, signal);
  const fresh = sessionOf(earlier.uploadId, earlier.startedAt, request);
  const metadata: Session['metadata'] = { ...fresh.metadata, [STATE]: earlier.state ?? 'uploading' };
  const session = { ...fresh, metadata, earlier };
  // Before the first write: the ETag is not what it was from then on.
  const { done, sent } = earlier;
  const looked = { etag: there.etag, etagMayChange: true, lease: claim() } as const;
  await file.save({ ...emptyCheckpoint(session, request), done, sent, ...looked });
  blob.guardWith(sequenceNumberOf(session.uploadId));
  // Without a lease, only the ETag says that nobody has written to it since it was looked at.
  const etag = lease.isHeld ? undefined : there.etag;
  const changed = await retrier
    .run('Set Blob Metadata', signal, (attempt) =>
      lease.attempt(() => blob.setMetadata(session.metadata, attempt, etag)),
    )
    .then(() => undefined)
    .catch(async (error: unknown) => {
      if (!(error instanceof DestinationError && error.reason === 'ConditionNotMet')) throw error;
      const now = await retrier.run('Get Blob Properties', signal, (attempt) => blob.properties(attempt));
      assertSameBlob(earlier, now, file.path);
      // The answer to an earlier try may have been lost.
      return now.metadata[OWNER] === session.metadata[OWNER] ? undefined : now;
    });
  if (changed !== undefined) {
    // By somebody else, or by the last request of a run that was killed a moment ago.
    return await takeUp({ ...earlier, state: earlier.state ?? 'doubted' }, changed, claim, request);
  }
  const isFromBlob = earlier.fromBlob === true;
  const found = isFromBlob ? { found: await pagesThere(blob, source.diskSize, retrier, signal) } : {};
  if (earlier.state !== 'doubted') return { ...session, ...found };
  return { ...session, ...found, doubted: new RangeSet([...done, ...(found.found?.ranges ?? [])]) };
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

/**
 * Puts the checkpoint back as it was when the blob may not be worked on. After anything else, an abort or a lost answer, this
 * run may have done something to the blob, and the next one has to know it as its own.
 */
async function unlessRefused<T>(
  stored: Checkpoint | undefined,
  { file, lease }: SessionRequest,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (isRefused(error)) await (stored === undefined ? file.remove() : file.save(withProof(stored, lease)));
    // Where the lease of the run before has become this one's, only that is left to prove anything.
    if (lease.isContinued === true) lease.abandon();
    else await lease.leave();
    throw error;
  }
}

function withProof(stored: Checkpoint, { isContinued, claim }: BlobLease): Checkpoint {
  return isContinued !== true || stored.lease === undefined
    ? stored
    : { ...stored, lease: { ...stored.lease, ids: claim.ids } };
}

function isRefused(error: unknown): error is VhdupError {
  return error instanceof DestinationError || error instanceof CredentialError || error instanceof InUseError;
}

/** The metadata of a blob that is whole. */
export function completeMetadata(session: Session): Record<string, string> {
  const { [OWNER]: _, ...metadata } = session.metadata;
  return { ...metadata, [STATE]: 'complete' };
}

/** The metadata of a blob that its upload left in order. */
export function leftMetadata(session: Session, nowMs: number): Record<string, string> {
  return { ...session.metadata, [LEFT]: new Date(nowMs).toISOString() };
}

/** The metadata of a blob whose verification failed, or whose image changed while it was read. */
export function spoiltMetadata(session: Session): Record<string, string> {
  return { ...session.metadata, [STATE]: 'spoilt' };
}

/** The identity of the image and the blob, as the checkpoint holds it. */
export function emptyCheckpoint(
  session: Session,
  { image, source, blob, lease, trustUnmarkedSectors }: SessionIdentity,
): Checkpoint {
  const state = lease.isExposed ? 'exposed' : session.earlier?.state;
  return {
    uploadId: session.uploadId,
    startedAt: session.startedAt,
    image: image.files.map(({ name, size, modifiedMs, diskId }) => ({ name, size, modifiedMs, diskId })),
    diskSize: image.size,
    trustUnmarkedSectors,
    blobUrl: blob.address.url,
    blobSize: source.size,
    done: [],
    sent: { bytes: 0, pages: '0'.repeat(16) },
    savedMs: blob.nowMs,
    lease: lease.claim,
    ...(session.earlier?.fromBlob === true ? { fromBlob: true } : {}),
    ...(state === undefined ? {} : { state }),
  };
}

type SessionIdentity = Pick<SessionRequest, 'image' | 'source' | 'blob' | 'lease' | 'trustUnmarkedSectors'>;

function fingerprintOf({ image, trustUnmarkedSectors }: SessionRequest): string {
  return imageFingerprint(image, trustUnmarkedSectors);
}

function sessionOf(uploadId: string, startedAt: string, request: SessionRequest): Session {
  const { image, metadata, lease } = request;
  return {
    uploadId,
    startedAt,
    metadata: {
      ...metadata,
      vhdup_version: VERSION,
      [UPLOAD_ID]: uploadId,
      vhdup_source_format: image.format,
      vhdup_source_size: String(image.size),
      [IMAGE]: fingerprintOf(request),
      [OWNER]: encodeOwner(lease.owner),
      [STATE]: 'uploading',
    },
  };
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
