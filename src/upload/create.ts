// Creates the blob of a new upload. It replaces an existing blob only if that is allowed.

import { randomUUID } from 'node:crypto';
import { RangeSet } from '../base/range-set.ts';
import { CredentialError, DestinationError, InUseError, type VhdupError } from '../errors.ts';
import { BASE, isComplete, isFailed, isUnfinished, OWNER, otherUploader, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint, ReplacedBlob } from '../state/checkpoint.ts';
import { decodeOwner, describeOwner, hasExited } from '../state/lease-holder.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import {
  emptyCheckpoint,
  leaseIds,
  restoreCheckpoint,
  type Session,
  type SessionRequest,
  sessionMetadata,
} from './context.ts';

/**
 * @param stored - The checkpoint to replace.
 * @throws {DestinationError | InUseError} the existing blob may not be replaced.
 */
export async function create(
  stored: Checkpoint | undefined,
  existing: BlobProperties | undefined,
  request: SessionRequest,
): Promise<Session> {
  const { lifecycle, file, breakLease, signal } = request;
  const { checkpoint, mayReplace } = await newUpload(stored, existing, request);
  const { uploadId, startedAt } = checkpoint;
  // The checkpoint comes first: after a stop between the two, the next run recognises its blob, or may still replace the existing one.
  await file.save(checkpoint);
  try {
    const current = existing === undefined ? undefined : await holdReplaced(stored, existing, uploadId, request);
    await prepareContainer(existing, request);
    const blob = {
      ...request.blobOptions,
      uploadId,
      size: request.source.size,
      metadata: sessionMetadata(uploadId, request),
    };
    await lifecycle.create({ ...blob, ...(current === undefined ? {} : { replaces: current.etag }) }, signal);
  } catch (error) {
    throw await refused(error, stored, uploadId, mayReplace, request);
  }
  // Outside the try: the blob exists now, so the checkpoint must stay for the next run to recognise it.
  if (existing === undefined) await lifecycle.hold(undefined, undefined, uploadId, breakLease);
  return { uploadId, startedAt, isComplete: false, unverified: new RangeSet() };
}

/**
 * The checkpoint of a new upload. Sends nothing.
 * @throws {DestinationError | InUseError} the existing blob may not be replaced. @throws {LocalFileError} nor the manifest.
 */
export async function newUpload(
  stored: Checkpoint | undefined,
  existing: BlobProperties | undefined,
  request: SessionRequest,
): Promise<{ readonly checkpoint: Checkpoint; readonly mayReplace: boolean }> {
  const { lifecycle, owner, breakLease } = request;
  const mayReplace = request.overwrite || isReplaceable(stored, existing);
  if (existing !== undefined) assertReplaceable(existing, mayReplace, request);
  lifecycle.assertFree(stored?.lease, existing, breakLease);
  // After the look at the blob: that a finished upload is complete explains more than its manifest.
  await request.assertOwnManifest?.(undefined);
  const ids = { uploadId: randomUUID(), startedAt: new Date().toISOString() };
  const replaces = existing === undefined ? {} : { replaces: replacedBlob(stored, existing) };
  const lease = { owner, ids: leaseIds(owner, stored?.lease) };
  return { checkpoint: { ...emptyCheckpoint(ids, request), lease, ...replaces }, mayReplace };
}

/** Creates the container and deletes the snapshots of the blob that is replaced, if the user asked for that. */
export async function prepareContainer(
  existing: BlobProperties | undefined,
  { lifecycle, createContainer, publicAccess, deleteSnapshots, signal }: SessionRequest,
): Promise<void> {
  if (deleteSnapshots && existing !== undefined) await lifecycle.deleteSnapshots(signal);
  // With an existing blob, the container exists, and only its public access may differ from what was asked for.
  if (createContainer && (existing === undefined || publicAccess !== undefined)) {
    await lifecycle.createContainer(publicAccess, signal);
  }
}

/** Whether this upload created the blob, or an earlier run was allowed to replace it and was killed before it did. */
function isReplaceable(stored: Checkpoint | undefined, existing: BlobProperties | undefined): boolean {
  if (stored === undefined || existing === undefined) return false;
  const { uploadId, replaces } = stored;
  const of = existing.metadata[UPLOAD_ID];
  return of === uploadId || existing.etag === replaces?.etag || (of !== undefined && of === replaces?.uploadId);
}

function replacedBlob(stored: Checkpoint | undefined, { etag, metadata }: BlobProperties): ReplacedBlob {
  const { [UPLOAD_ID]: uploadId } = metadata;
  const isOfUpload = uploadId !== undefined && [stored?.uploadId, stored?.replaces?.uploadId].includes(uploadId);
  return isOfUpload ? { etag, uploadId } : { etag };
}

/** @returns the properties of the blob that this run now holds, if the service supports leases. */
async function holdReplaced(
  stored: Checkpoint | undefined,
  existing: BlobProperties,
  uploadId: string,
  { lifecycle, breakLease, signal }: SessionRequest,
): Promise<BlobProperties> {
  const { wasBroken } = await lifecycle.hold(stored?.lease, existing, uploadId, breakLease);
  if (!wasBroken) return existing;
  // The previous holder may have written until its lease was broken. That does not protect the blob; a different blob stays protected.
  const now = await lifecycle.properties(signal);
  return now !== undefined && now.metadata[UPLOAD_ID] === existing.metadata[UPLOAD_ID] ? now : existing;
}

/**
 * Restores the previous checkpoint if it is certain that no blob was created.
 * @returns the error to throw.
 */
export async function refused(
  error: unknown,
  stored: Checkpoint | undefined,
  uploadId: string,
  mayReplace: boolean,
  request: SessionRequest,
): Promise<unknown> {
  const { lifecycle, signal } = request;
  if (!lifecycle.capabilities.read) return await refusedUnseen(error, stored, request);
  if (![DestinationError, CredentialError, InUseError].some((kind) => error instanceof kind)) return error;
  const look = await lifecycle.properties(signal).then(
    (found) => ({ found }),
    () => undefined,
  );
  if (look === undefined || look.found?.metadata[UPLOAD_ID] === uploadId) return error;
  await restoreCheckpoint(stored, request);
  const { found } = look;
  if (!(error instanceof DestinationError) || found === undefined || mayReplace) return error;
  // The blob appeared since the first look, so whoever created it is still working on it.
  return existingBlob({ ...found, isLeased: true }, request);
}

/** Whether the service has answered that no blob was created. A credential that expired meanwhile may have created it before. */
function isRefusal(error: unknown): boolean {
  if (error instanceof DestinationError) return error.reason !== undefined;
  return error instanceof CredentialError && !error.isExpired;
}

/** As `refused`, for a destination that cannot be looked at. An attempt before the refused one may have created the blob. */
async function refusedUnseen(
  error: unknown,
  stored: Checkpoint | undefined,
  request: SessionRequest,
): Promise<unknown> {
  if (!isRefusal(error)) return error;
  const { mayHaveCreated } = request.lifecycle;
  if (!mayHaveCreated) await restoreCheckpoint(stored, request);
  if (!(error instanceof DestinationError) || error.reason !== 'BlobAlreadyExists') return error;
  const ours =
    stored === undefined && !mayHaveCreated
      ? ''
      : ` If it is the blob of the checkpoint ${request.file.path}, run the same command with a SAS with at least sp=rw to resume.`;
  return new DestinationError(
    `Cannot create ${request.store.url}: a blob already exists. The SAS lacks r (read), so vhdup can neither say what it is nor replace it.${ours} Choose another name, or run the same command with a SAS with at least sp=rw, and --overwrite to replace the blob.`,
    { reason: error.reason },
  );
}

function assertReplaceable(existing: BlobProperties, mayReplace: boolean, request: SessionRequest): void {
  if (existing.type !== 'PageBlob') {
    throw new DestinationError(
      `Cannot upload to ${request.store.url}: the existing blob is of type ${existing.type} (${existing.size} bytes), and a page blob cannot replace it. Delete it, or choose another name.`,
    );
  }
  if (!mayReplace) throw existingBlob(existing, request);
}

function existingBlob({ size, type, metadata, isLeased }: BlobProperties, request: SessionRequest): VhdupError {
  const cannot = `Cannot create ${request.store.url}`;
  // If the checkpoint belongs to another upload, --overwrite alone would be refused.
  const overwrite = request.restart ? '--restart --overwrite' : '--overwrite';
  const replace = `Give ${overwrite} to replace it, or choose another name.`;
  if (!isUnfinished(metadata)) {
    const other = otherUploader(metadata);
    const what = isComplete(metadata)
      ? 'the blob already exists and is a complete upload by vhdup. If it was made from this image, nothing is left to do'
      : isFailed(metadata)
        ? 'the blob already exists and is a failed upload by vhdup: it does not match the image it was made from'
        : other === undefined
          ? `a ${type} of ${size} bytes already exists`
          : `the blob already exists and is an unfinished upload by ${other}, which vhdup cannot resume`;
    return new DestinationError(`${cannot}: ${what}. ${replace}`);
  }
  const owner = decodeOwner(metadata[OWNER]);
  if (isLeased && owner !== undefined && !hasExited(owner)) {
    return new InUseError(
      `${cannot}: ${describeOwner(owner)}, is uploading to it. Wait until that upload has ended, or choose another name.`,
    );
  }
  const whose = owner === undefined ? '' : ` (by ${describeOwner(owner)})`;
  const lost = metadata[BASE] === undefined ? ', or with --resume-from-blob if the checkpoint is lost' : '';
  return new DestinationError(
    `${cannot}: the blob already exists and is an unfinished upload by vhdup${whose}. If it is yours, run that upload again with its checkpoint (--checkpoint)${lost}. ${replace}`,
  );
}
