// The session of an upload: its inputs, its first checkpoint, and the metadata of its blob.

import { createHash } from 'node:crypto';
import type { RangeSet } from '../base/range-set.ts';
import { encodeSkippedFree, type SkippedFree } from '../base/skip-free.ts';
import { VERSION } from '../base/version.ts';
import type { EventListener } from '../events.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import { recordedFiles } from '../image/recorded-files.ts';
import type { BlobLifecycle } from '../remote/blob-lifecycle.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import { BASE, IMAGE, OWNER, SKIP_FREE, STATE, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { Checkpoint, CheckpointBase, GivenOptions } from '../state/checkpoint.ts';
import type { CheckpointFile } from '../state/checkpoint-file.ts';
import type { ExclusiveAccess } from '../state/exclusive-access.ts';
import { encodeOwner, type Owner } from '../state/lease-holder.ts';
import type { NewBlobOptions, PublicAccess } from '../target/page-blob.ts';

/** How many lease ids a checkpoint keeps of runs that failed before they had saved a new checkpoint, and of the run that saves it. */
const MAX_NEWEST_IDS = 4;

/** What one run of an upload knows between its first request and its last. */
export interface Session {
  readonly uploadId: string;
  /** When the first run started, in ISO 8601. */
  readonly startedAt: string;
  /** The checkpoint that this run resumes. */
  readonly earlier?: Checkpoint;
  /** An earlier run has completed the blob: nothing is left to do. */
  readonly isComplete: boolean;
  /** Ranges to read back at the end. They grow while the run sends without a lease, or finds pages that the blob already holds. */
  readonly unverified: RangeSet;
  /** The base whose copy the blob started as. */
  readonly base?: CheckpointBase;
}

/** The base that the user named. */
export interface BaseRequest {
  /** Without a SAS. */
  readonly url: string;
  /** The URL from which the service copies it. A secret, if it has a SAS. */
  readonly copySource: string;
  /**
   * Finds the ancestor that the base was made from, and compares the base with it. Writes nothing.
   * @throws {DestinationError | VerificationError} the base cannot be used.
   */
  choose(signal: AbortSignal): Promise<Pick<CheckpointBase, 'etag' | 'ancestor' | 'id' | 'proved'>>;
  readonly emit: EventListener;
}

/** What every session needs. */
export interface TargetRequest {
  readonly image: DiskImage;
  readonly source: FixedVhdView;
  readonly store: RetryingPageStore;
  /** What the checkpoint calls the target: a URL without a SAS. */
  readonly targetUrl: string;
  readonly file: CheckpointFile;
  readonly access: Pick<ExclusiveAccess, 'mayWrite'>;
  /** This run. */
  readonly owner: Owner;
  readonly signal: AbortSignal;
  readonly overwrite: boolean;
  readonly restart: boolean;
  /** Resume without a checkpoint from the pages that the target holds. */
  readonly resumeFromBlob: boolean;
  /** Changes what the disk reads as, so a checkpoint belongs to one value of it. */
  readonly trustUnmarkedSectors: boolean;
  /** The free space that `image` reads as zeros. It changes what the disk reads as, too. */
  readonly skipFree?: SkippedFree | undefined;
  readonly given: GivenOptions;
  /**
   * Refuses the manifest of another upload. Called before a new upload creates anything. Undefined without a manifest to protect.
   * @param uploadId - Of the upload; undefined if it has no id yet. @throws {LocalFileError}
   */
  readonly assertOwnManifest?: ((uploadId: string | undefined) => Promise<void>) | undefined;
}

/** The input of `openSession`. */
export interface SessionRequest extends TargetRequest {
  readonly lifecycle: BlobLifecycle;
  readonly createContainer: boolean;
  /** Delete the snapshots of the blob that this upload replaces. */
  readonly deleteSnapshots: boolean;
  /** Public access of a new container. @default none */
  readonly publicAccess?: PublicAccess;
  /** What a new blob gets. */
  readonly blobOptions?: NewBlobOptions;
  readonly emit: EventListener;
  /** Break a lease that something else holds on the blob. */
  readonly breakLease: boolean;
  /** The user's metadata for the blob. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Undefined for an upload without a base. */
  readonly base?: BaseRequest | undefined;
}

/** The checkpoint of an upload that has not sent anything yet. */
export function emptyCheckpoint(
  { uploadId, startedAt }: Pick<Session, 'uploadId' | 'startedAt'>,
  {
    image,
    source,
    targetUrl,
    owner,
    trustUnmarkedSectors,
    skipFree,
    given,
  }: Pick<TargetRequest, 'image' | 'source' | 'targetUrl' | 'owner' | 'trustUnmarkedSectors' | 'skipFree' | 'given'>,
): Checkpoint {
  return {
    uploadId,
    startedAt,
    image: recordedFiles(image),
    diskSize: image.size,
    trustUnmarkedSectors,
    ...(skipFree === undefined ? {} : { skipFree }),
    blobUrl: targetUrl,
    blobSize: source.size,
    done: [],
    sent: { bytes: 0, pages: '0'.repeat(16) },
    unverified: [],
    lease: leaseOf(owner, false),
    given,
  };
}

/** @param isHeld - Whether `owner` holds the blob. If so, its lease proves to later runs that nothing else has written to the blob. */
export function leaseOf(owner: Owner, isHeld: boolean): Checkpoint['lease'] {
  return { owner, ids: [owner.id], ...(isHeld ? { proof: owner.id } : {}) };
}

/**
 * The ids under which the blob may be leased once this run has tried to acquire its lease. Each of them costs the next run a request,
 * so only the newest are kept, and the one that can prove that nothing else has written to the blob.
 */
export function leaseIds({ id }: Owner, known: Checkpoint['lease'] | undefined): string[] {
  const newest = [id, ...(known?.ids ?? [])].slice(0, MAX_NEWEST_IDS);
  const proof = known?.proof;
  return proof === undefined || newest.includes(proof) ? newest : [...newest, proof];
}

/**
 * Puts back the checkpoint from before this run, after the service has refused it. Does not fail, because the refusal explains more.
 * A run that has lost the file to another run leaves it alone.
 * @param stored - Undefined if there was none.
 */
export async function restoreCheckpoint(
  stored: Checkpoint | undefined,
  { file, access }: Pick<TargetRequest, 'file' | 'access'>,
): Promise<void> {
  if (!access.mayWrite) return;
  await (stored === undefined ? file.remove() : file.save(stored)).catch(() => undefined);
}

/** Two runs with the same fingerprint read the same disk from the same files in the same way. File names may differ. */
export function imageFingerprint({ files, size }: DiskImage, trustUnmarkedSectors: boolean): string {
  const identity = [size, trustUnmarkedSectors, ...files.map((file) => [file.size, file.modifiedMs, file.diskId])];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex');
}

/** The metadata of the blob while this run uploads to it. @param base - The base whose copy it is. */
export function sessionMetadata(
  uploadId: string,
  request: SessionRequest,
  base?: Pick<CheckpointBase, 'id'>,
): Record<string, string> {
  const { image, metadata, owner, trustUnmarkedSectors, skipFree } = request;
  return {
    ...metadata,
    vhdup_version: VERSION,
    [UPLOAD_ID]: uploadId,
    vhdup_source_format: image.format,
    vhdup_source_size: String(image.size),
    [IMAGE]: imageFingerprint(image, trustUnmarkedSectors),
    ...(skipFree === undefined ? {} : { [SKIP_FREE]: encodeSkippedFree(skipFree) }),
    [OWNER]: encodeOwner(owner),
    ...(base === undefined ? {} : { [BASE]: base.id }),
    [STATE]: 'uploading',
  };
}
