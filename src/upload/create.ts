// The blob of a new upload: made where nothing is, or in the place of what may be replaced, and of nothing else.

import { CredentialError, DestinationError, InUseError, type VhdupError } from '../errors.ts';
import { isComplete, isFailed, isUnfinished, OWNER, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint, ReplacedBlob } from '../state/checkpoint.ts';
import { decodeOwner, describeOwner, hasExited } from '../state/lease-holder.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import {
  emptyCheckpoint,
  newSession,
  type Session,
  type SessionRequest,
  sessionMetadata,
  type UploadIdentity,
} from './context.ts';

/**
 * @param stored - The checkpoint that is replaced.
 * @param there - The existing blob.
 * @throws {DestinationError | InUseError} there is a blob that may not be replaced.
 */
export async function create(
  stored: Checkpoint | undefined,
  there: BlobProperties | undefined,
  identity: UploadIdentity,
  request: SessionRequest,
): Promise<Session> {
  const { lifecycle, file, owner, breakLease, signal } = request;
  const mayReplace = request.overwrite || isReplaceable(stored, there);
  if (there !== undefined) assertReplaceable(there, mayReplace, request);
  lifecycle.assertFree(stored?.lease, there, breakLease);

  // Before the blob: a run that ends between the two finds a blob that it knows as its own, or that it may still replace.
  const replaces = there === undefined ? {} : { replaces: replacedBlob(stored, there) };
  const lease = { owner, ids: [owner.id, ...(stored?.lease.ids ?? [])] };
  await file.save({ ...emptyCheckpoint(identity, request), lease, ...replaces });
  try {
    const current = there === undefined ? undefined : await holdReplaced(stored, there, identity, request);
    if (request.createContainer && there === undefined) await lifecycle.createContainer(signal);
    const metadata = sessionMetadata(identity.uploadId, request);
    const { size } = request.source;
    await lifecycle.create({ size, metadata, uploadId: identity.uploadId, replaces: current?.etag }, signal);
  } catch (error) {
    throw await refused(error, stored, identity, mayReplace, request);
  }
  // Not in the same try: the blob is there now, and the next run has to know it as its own.
  if (there === undefined) await lifecycle.hold(undefined, undefined, identity.uploadId, breakLease);
  return newSession(identity);
}

/** Whether an earlier run of this upload made the blob, or a run that was killed before it had replaced it was allowed to. */
function isReplaceable(stored: Checkpoint | undefined, there: BlobProperties | undefined): boolean {
  if (stored === undefined || there === undefined) return false;
  const { uploadId, replaces } = stored;
  const of = there.metadata[UPLOAD_ID];
  return of === uploadId || there.etag === replaces?.etag || (of !== undefined && of === replaces?.uploadId);
}

function replacedBlob(stored: Checkpoint | undefined, { etag, metadata }: BlobProperties): ReplacedBlob {
  const { [UPLOAD_ID]: uploadId } = metadata;
  const isOfUpload = uploadId !== undefined && [stored?.uploadId, stored?.replaces?.uploadId].includes(uploadId);
  return isOfUpload ? { etag, uploadId } : { etag };
}

/** @returns the blob as it is now that this run holds it, where the service gives leases. */
async function holdReplaced(
  stored: Checkpoint | undefined,
  there: BlobProperties,
  { uploadId }: UploadIdentity,
  { lifecycle, breakLease, signal }: SessionRequest,
): Promise<BlobProperties> {
  const { wasBroken } = await lifecycle.hold(stored?.lease, there, uploadId, breakLease);
  if (!wasBroken) return there;
  // What its holder wrote until the lease was broken is no reason not to replace the blob; another blob in its place is.
  const now = await lifecycle.properties(signal);
  return now !== undefined && now.metadata[UPLOAD_ID] === there.metadata[UPLOAD_ID] ? now : there;
}

/**
 * Puts the checkpoint back as it was, where it is certain that no blob was made.
 * @returns what to throw.
 */
async function refused(
  error: unknown,
  stored: Checkpoint | undefined,
  { uploadId }: UploadIdentity,
  mayReplace: boolean,
  request: SessionRequest,
): Promise<unknown> {
  const { lifecycle, file, signal } = request;
  const isRefusal = [DestinationError, CredentialError, InUseError].some((kind) => error instanceof kind);
  if (!isRefusal) return error;
  const look = await lifecycle.properties(signal).then(
    (there) => ({ there }),
    () => undefined,
  );
  if (look === undefined || look.there?.metadata[UPLOAD_ID] === uploadId) return error;
  await (stored === undefined ? file.remove() : file.save(stored));
  // What appeared since the first look has its maker at work on it.
  const { there } = look;
  if (!(error instanceof DestinationError) || there === undefined || mayReplace) return error;
  return existingBlob({ ...there, isLeased: true }, request);
}

function assertReplaceable(there: BlobProperties, mayReplace: boolean, request: SessionRequest): void {
  if (there.type !== 'PageBlob') {
    throw new DestinationError(
      `Cannot upload to ${request.store.url}: the existing blob is of type ${there.type} (${there.size} bytes), and a page blob cannot replace it. Delete it, or choose another name.`,
    );
  }
  if (!mayReplace) throw existingBlob(there, request);
}

function existingBlob({ size, type, metadata, isLeased }: BlobProperties, request: SessionRequest): VhdupError {
  const cannot = `Cannot create ${request.store.url}`;
  // With a checkpoint of something else in the way, one of the two alone would be refused as well.
  const overwrite = request.restart ? '--restart --overwrite' : '--overwrite';
  const replace = `Give ${overwrite} to replace it, or choose another name.`;
  if (!isUnfinished(metadata)) {
    const what = isComplete(metadata)
      ? 'a complete upload by vhdup is there. If it is of this image, nothing is left to do'
      : isFailed(metadata)
        ? 'an upload by vhdup that failed is there: it is not the image it was made of'
        : `a ${type} of ${size} bytes is there already`;
    return new DestinationError(`${cannot}: ${what}. ${replace}`);
  }
  const owner = decodeOwner(metadata[OWNER]);
  if (isLeased && owner !== undefined && !hasExited(owner)) {
    return new InUseError(
      `${cannot}: ${describeOwner(owner)}, is uploading to it. Wait until it has ended, or choose another name.`,
    );
  }
  const whose = owner === undefined ? '' : ` (by ${describeOwner(owner)})`;
  return new DestinationError(
    `${cannot}: an upload by vhdup that was not finished is there${whose}. If it is yours, run it again with its checkpoint (--checkpoint), or with --resume-from-blob if that is lost. ${replace}`,
  );
}
