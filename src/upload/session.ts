// What one upload is between its first request and its last, and what its checkpoint and its blob say of it.

import type { RangeSet } from '../base/range-set.ts';
import { VERSION } from '../base/version.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { BlobLease } from '../remote/lease.ts';
import { IMAGE, LEFT, OWNER, STATE, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint } from '../state/checkpoint.ts';
import type { CheckpointFile } from '../state/checkpoint-file.ts';
import { encodeOwner } from '../state/lease-holder.ts';
import type { PageBlobTarget } from '../target/page-blob.ts';
import type { Retrier } from '../transfer/retry.ts';
import { imageFingerprint } from './recover.ts';

/** What an upload is between its first request and its last. */
export interface Session {
  readonly uploadId: string;
  /** ISO 8601: when the first run began. */
  readonly startedAt: string;
  /** Set when this run goes on with an earlier one. */
  readonly earlier?: Checkpoint;
  /** Pages of the disk that are in the blob, where the checkpoint was lost and they count as sent. */
  readonly found?: RangeSet;
  /** Where nothing proves that what is in the blob is as it was sent. Empty where that was all sent once more. */
  readonly doubted?: RangeSet;
  /** The blob's ETag since this run took it up. It proves that nothing was written since, as long as it is the same. */
  readonly etag?: string;
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

/** A session of the upload `uploadId`, which began at `startedAt`. */
export function sessionOf(uploadId: string, startedAt: string, request: SessionRequest): Session {
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
      [IMAGE]: imageFingerprint(request.image, request.trustUnmarkedSectors),
      [OWNER]: encodeOwner(lease.owner),
      [STATE]: 'uploading',
    },
  };
}
