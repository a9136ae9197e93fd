// Begins an upload, or goes on with an earlier one: only when checkpoint, image and blob agree that they belong together.
import { randomUUID } from 'node:crypto';
import type { BlobProperties, PageBlobTarget } from './azure/page-blob-target.ts';
import type { Checkpoint, CheckpointImageFile } from './checkpoint/checkpoint.ts';
import type { CheckpointFile } from './checkpoint/checkpoint-file.ts';
import { CheckpointError, CredentialError, DestinationError, ImageChangedError } from './errors.ts';
import type { DiskImage } from './image/disk-image.ts';
import type { FixedVhdView } from './image/fixed-vhd-view.ts';
import type { Retrier } from './transfer/retry.ts';
import { VERSION } from './version.ts';

/** The blob's metadata that is ours. Names as HTTP gives them back: in lower case. */
const UPLOAD_ID = 'vhdup_upload_id';
const STATE = 'vhdup_state';

/** What an upload is between its first request and its last. */
export interface Session {
  readonly uploadId: string;
  /** ISO 8601: when the first run began. */
  readonly startedAt: string;
  /** Set when this run goes on with an earlier one. */
  readonly earlier?: Checkpoint;
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
  /** Part of what the disk reads as, and so of what a checkpoint belongs to. */
  readonly trustUnmarkedSectors: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Leaves a blob of the right size that carries the upload's id and that nothing else writes to, and a checkpoint.
 * @throws {CheckpointError | ImageChangedError | DestinationError} checkpoint, image and blob do not belong together.
 */
export async function openSession(request: SessionRequest): Promise<Session> {
  const { blob, file, retrier, signal } = request;
  const stored = await loadCheckpoint(request);
  if (stored !== undefined && !request.restart) assertSameSource(stored, request);
  const there = await retrier.run('Get Blob Properties', signal, (attempt) => blob.properties(attempt));

  const uploadId = there?.metadata[UPLOAD_ID];
  const isOurs = stored !== undefined && uploadId === stored.uploadId;
  if (stored !== undefined && !request.restart && (isOurs || stored.done.length > 0)) {
    assertSameBlob(stored, there, file.path);
    const session = { ...sessionOf(stored.uploadId, stored.startedAt, request), earlier: stored };
    blob.guardWith(sequenceNumberOf(session.uploadId));
    return session;
  }

  const session = sessionOf(randomUUID(), new Date().toISOString(), request);
  // Before the blob: a run that ends between the two finds a blob that it knows as its own.
  await file.save(emptyCheckpoint(session, request));
  try {
    await create(session, there, isOurs || request.overwrite, request);
  } catch (error) {
    // After anything else, an abort or a lost answer, the blob may be there: then the next run has to know it as its own.
    const isRefused = error instanceof DestinationError || error instanceof CredentialError;
    if (stored === undefined && isRefused) await file.remove();
    throw error;
  }
  blob.guardWith(sequenceNumberOf(session.uploadId));
  return session;
}

/** The metadata of a blob that is whole. */
export function completeMetadata(session: Session): Record<string, string> {
  return { ...session.metadata, [STATE]: 'complete' };
}

/** The identity of the image and the blob, as the checkpoint holds it. */
export function emptyCheckpoint(
  session: Session,
  { image, source, blob, trustUnmarkedSectors }: SessionIdentity,
): Checkpoint {
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
  };
}

type SessionIdentity = Pick<SessionRequest, 'image' | 'source' | 'blob' | 'trustUnmarkedSectors'>;

function sessionOf(uploadId: string, startedAt: string, { image, metadata }: SessionRequest): Session {
  return {
    uploadId,
    startedAt,
    metadata: {
      ...metadata,
      vhdup_version: VERSION,
      [UPLOAD_ID]: uploadId,
      vhdup_source_format: image.format,
      vhdup_source_size: String(image.size),
      [STATE]: 'uploading',
    },
  };
}

/** The blob's sequence number belongs to its upload: a blob that replaced ours has another one, and refuses our writes. */
function sequenceNumberOf(uploadId: string): number {
  return Number.parseInt(uploadId.replaceAll('-', '').slice(0, 12), 16);
}

/** With `--restart`, even a checkpoint that cannot be used is only a file that will be replaced. Any other file is not. */
async function loadCheckpoint({ file, restart }: SessionRequest): Promise<Checkpoint | undefined> {
  try {
    return await file.load();
  } catch (error) {
    if (restart && error instanceof CheckpointError && !error.isForeign) return undefined;
    throw error;
  }
}

function assertSameSource(stored: Checkpoint, { image, blob, file, trustUnmarkedSectors }: SessionRequest): void {
  if (stored.blobUrl !== blob.address.url) {
    throw new CheckpointError(
      `The checkpoint ${file.path} belongs to an upload to ${stored.blobUrl}, not to ${blob.address.url}. Give --checkpoint to keep the state of this upload in another file, or --restart to forget that one.`,
    );
  }
  if (stored.trustUnmarkedSectors !== trustUnmarkedSectors) {
    throw new CheckpointError(
      `The upload of the checkpoint ${file.path} began ${stored.trustUnmarkedSectors ? 'with' : 'without'} --trust-unmarked-sectors, which changes what the disk reads as. Do the same again, or give --restart.`,
    );
  }
  const now = image.files;
  const changes = [...now.keys()].flatMap((index) => differences(stored.image[index], now[index]));
  if (stored.image.length !== now.length) {
    changes.push(`the chain had ${stored.image.length} files and has ${now.length}`);
  }
  if (stored.diskSize !== image.size) changes.push(`the disk had ${stored.diskSize} bytes and has ${image.size}`);
  if (changes.length > 0) {
    throw new ImageChangedError(
      `${image.path} is not what it was when the upload began at ${stored.startedAt}: ${changes.join('; ')}. What was sent then does not fit any more: give --restart to upload it from the beginning.`,
    );
  }
}

/** Names are not compared: the files may have moved. */
function differences(before: CheckpointImageFile | undefined, now: CheckpointImageFile | undefined): string[] {
  if (before === undefined || now === undefined) return [];
  const changes: string[] = [];
  if (before.diskId !== now.diskId) changes.push(`${now.name} has the disk id ${now.diskId}, before ${before.diskId}`);
  if (before.size !== now.size) changes.push(`${now.name} has ${now.size} bytes, before ${before.size}`);
  if (!isSameTime(before.modifiedMs, now.modifiedMs)) {
    const times = [now, before].map(({ modifiedMs }) => new Date(modifiedMs).toISOString());
    changes.push(`${now.name} was modified at ${times[0]}, before at ${times[1]}`);
  }
  return changes;
}

/**
 * A file that was copied keeps its time as well as the file system can: FAT to two seconds, archives to one, copying
 * programs to a millisecond. Between two fine times, or two coarse ones, more than a millisecond is a change.
 */
function isSameTime(beforeMs: number, nowMs: number): boolean {
  const isCoarse = (timeMs: number) => timeMs % 1000 === 0;
  const difference = Math.abs(beforeMs - nowMs);
  return difference <= 1 || (isCoarse(beforeMs) !== isCoarse(nowMs) && difference < 2000);
}

function assertSameBlob(stored: Checkpoint, there: BlobProperties | undefined, checkpointPath: string): void {
  const wayOut = `Give --restart --overwrite to upload from the beginning. The checkpoint is ${checkpointPath}.`;
  if (there === undefined) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} is no longer there; somebody deleted it. Give --restart to upload from the beginning.`,
    );
  }
  if (there.metadata[UPLOAD_ID] !== stored.uploadId) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} is not the one that this upload created (its upload id is ${there.metadata[UPLOAD_ID] ?? 'absent'}, not ${stored.uploadId}); somebody replaced it or changed its metadata. ${wayOut}`,
    );
  }
  if (there.size !== stored.blobSize) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} has ${there.size} bytes, not ${stored.blobSize}; somebody resized it. ${wayOut}`,
    );
  }
  const expected = sequenceNumberOf(stored.uploadId);
  if (there.sequenceNumber !== expected) {
    throw new DestinationError(
      `Cannot resume: the blob ${stored.blobUrl} has the sequence number ${there.sequenceNumber}, not ${expected}; somebody changed it. ${wayOut}`,
    );
  }
}

/** Creates the blob, and never replaces one that may not be replaced, also when two machines race. */
async function create(
  session: Session,
  there: BlobProperties | undefined,
  mayReplace: boolean,
  { blob, source, retrier, signal, createContainer }: SessionRequest,
): Promise<void> {
  const { url } = blob.address;
  if (there !== undefined && there.type !== 'PageBlob') {
    throw new DestinationError(
      `Cannot upload to ${url}: a ${there.type} of ${there.size} bytes is there, and a page blob cannot take its place. Delete it, or choose another name.`,
    );
  }
  if (there !== undefined && !mayReplace) throw alreadyThere(url, there);
  if (createContainer && there === undefined)
    await retrier.run('Create Container', signal, (attempt) => blob.createContainer(attempt));
  try {
    await retrier.run('Put Blob', signal, (attempt) =>
      blob.create(
        {
          size: source.size,
          sequenceNumber: sequenceNumberOf(session.uploadId),
          metadata: session.metadata,
          ...(there === undefined ? {} : { replaces: there.etag }),
        },
        attempt,
      ),
    );
  } catch (error) {
    if (!(error instanceof DestinationError)) throw error;
    // The answer to an earlier try may have been lost after the service had created the blob.
    const now = await retrier
      .run('Get Blob Properties', signal, (attempt) => blob.properties(attempt))
      .catch(() => undefined);
    if (now?.metadata[UPLOAD_ID] === session.uploadId) return;
    if (now !== undefined && !mayReplace) throw alreadyThere(url, now);
    throw error;
  }
}

function alreadyThere(url: string, { size, type, metadata }: BlobProperties): DestinationError {
  const states: Readonly<Record<string, string>> = {
    uploading:
      'an upload by vhdup that was not finished is there. If it is yours, run it again with its checkpoint (--checkpoint)',
    complete: 'a complete upload by vhdup is there. If it is of this image, nothing is left to do',
  };
  const what = states[metadata[STATE] ?? ''] ?? `a ${type} of ${size} bytes is there already`;
  return new DestinationError(`Cannot create ${url}: ${what}. Give --overwrite to replace it, or choose another name.`);
}
