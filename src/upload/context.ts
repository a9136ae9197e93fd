// What the steps of an upload are given, and what its checkpoint and its blob say of it.

import { createHash, randomUUID } from 'node:crypto';
import { RangeSet } from '../base/range-set.ts';
import { VERSION } from '../base/version.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { BlobLifecycle } from '../remote/blob-lifecycle.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import { IMAGE, OWNER, STATE, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import type { CheckpointFile } from '../state/checkpoint-file.ts';
import { encodeOwner, type Owner } from '../state/lease-holder.ts';

/** What one run of an upload knows between its first request and its last. */
export interface Session {
  readonly uploadId: string;
  /** ISO 8601: when the first run began. */
  readonly startedAt: string;
  /** What the run before left, where this one resumes. */
  readonly earlier?: Checkpoint;
  /** Whether an earlier run completed the blob: nothing is left to do. */
  readonly isComplete: boolean;
  /** What has to be read back at the end. It grows while the run sends without a lease, or finds what it need not send. */
  readonly unverified: RangeSet;
}

/** What a session is opened with. */
export interface SessionRequest {
  readonly image: DiskImage;
  readonly source: FixedVhdView;
  readonly lifecycle: BlobLifecycle;
  readonly store: RetryingPageStore;
  readonly file: CheckpointFile;
  /** This run. */
  readonly owner: Owner;
  readonly signal: AbortSignal;
  readonly overwrite: boolean;
  readonly restart: boolean;
  readonly createContainer: boolean;
  /** Resume without a checkpoint, from what the blob holds. */
  readonly resumeFromBlob: boolean;
  /** Take the blob from whoever holds a lease on it. */
  readonly breakLease: boolean;
  /** Part of what the disk reads as, and so of what a checkpoint belongs to. */
  readonly trustUnmarkedSectors: boolean;
  /** Of the blob, as the user gives it. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What two runs of one upload have in common. */
export type UploadIdentity = Pick<Session, 'uploadId' | 'startedAt'>;

export function newUpload(): UploadIdentity {
  return { uploadId: randomUUID(), startedAt: new Date().toISOString() };
}

/** The checkpoint of an upload that has sent nothing yet. */
export function emptyCheckpoint(
  { uploadId, startedAt }: UploadIdentity,
  {
    image,
    source,
    store,
    owner,
    trustUnmarkedSectors,
  }: Pick<SessionRequest, 'image' | 'source' | 'store' | 'owner' | 'trustUnmarkedSectors'>,
): Checkpoint {
  return {
    uploadId,
    startedAt,
    image: image.files.map(({ name, size, modifiedMs, diskId }) => ({ name, size, modifiedMs, diskId })),
    diskSize: image.size,
    trustUnmarkedSectors,
    blobUrl: store.url,
    blobSize: source.size,
    done: [],
    sent: { bytes: 0, pages: '0'.repeat(16) },
    unverified: [],
    lease: leaseOf(owner, false),
  };
}

/** @param isHeld - Whether `owner` holds the blob: later runs can prove by its lease that nothing else wrote. */
export function leaseOf(owner: Owner, isHeld: boolean): Checkpoint['lease'] {
  return { owner, ids: [owner.id], ...(isHeld ? { proof: owner.id } : {}) };
}

/** Two runs with the same fingerprint read the same disk from the same files, and in the same way. Names may differ. */
export function imageFingerprint({ files, size }: DiskImage, trustUnmarkedSectors: boolean): string {
  const identity = [size, trustUnmarkedSectors, ...files.map((file) => [file.size, file.modifiedMs, file.diskId])];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex');
}

/** The metadata of a blob that this run works on. */
export function sessionMetadata(uploadId: string, request: SessionRequest): Record<string, string> {
  const { image, metadata, owner, trustUnmarkedSectors } = request;
  return {
    ...metadata,
    vhdup_version: VERSION,
    [UPLOAD_ID]: uploadId,
    vhdup_source_format: image.format,
    vhdup_source_size: String(image.size),
    [IMAGE]: imageFingerprint(image, trustUnmarkedSectors),
    [OWNER]: encodeOwner(owner),
    [STATE]: 'uploading',
  };
}

/** A session in which nothing is unverified yet. */
export function newSession(identity: UploadIdentity): Session {
  return { ...identity, isComplete: false, unverified: new RangeSet() };
}
