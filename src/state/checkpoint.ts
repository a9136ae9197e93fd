// The state of an upload between two runs, and its file format.

import type { ByteRange } from '../base/byte-range.ts';
import type { ChecksumAlgorithm } from '../base/page-run.ts';
import { SKIP_FREE_MODES, type SkippedFree } from '../base/skip-free.ts';
import {
  count,
  flag,
  integer,
  listOf,
  object,
  oneOf,
  optional,
  pageDigest,
  ranges,
  sha256,
  text,
  time,
} from './decode.ts';
import type { Owner } from './lease-holder.ts';
import type { Machine } from './machine-id.ts';
import { decodeState, encodeState, type StateForm, storedRanges } from './state-format.ts';

/** An image file as it was at the start of the upload. */
export interface CheckpointImageFile {
  readonly name: string;
  readonly size: number;
  readonly modifiedMs: number;
  readonly diskId: string;
}

/** The state of an upload. Contains no secret. */
export interface Checkpoint {
  readonly uploadId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The image file, then its parents. */
  readonly image: readonly CheckpointImageFile[];
  /** Virtual size of the disk in bytes, before rounding up. */
  readonly diskSize: number;
  /** Whether the upload uses this option, which changes the contents of the disk. */
  readonly trustUnmarkedSectors: boolean;
  /** The free space that reads as zeros. Absent if the upload sends it. */
  readonly skipFree?: SkippedFree;
  /** The blob's URL without the query; the URL of the resource for a managed disk that this upload created. */
  readonly blobUrl: string;
  /** Length of the blob in bytes. */
  readonly blobSize: number;
  /** The finished parts of the disk: all of their writes were acknowledged. Ascending ranges that do not touch. */
  readonly done: readonly ByteRange[];
  /** The pages sent for the finished parts. */
  readonly sent: {
    readonly bytes: number;
    /** Their PageSetDigest. */
    readonly pages: string;
  };
  /** Finished parts that may have been modified since. They are read back at the end. Ascending ranges that do not touch. */
  readonly unverified: readonly ByteRange[];
  /** The run that wrote this checkpoint, and its leases. */
  readonly lease: CheckpointLease;
  /** The blob's ETag when a run released the blob. If it is unchanged, nothing has modified the blob since. */
  readonly etag?: string;
  /** The checkpoint was rebuilt from the blob: pages that the blob contains need not be sent, although their windows are not done. */
  readonly fromBlob?: boolean;
  /** The blob differs from the image, and the upload cannot be resumed. */
  readonly failed?: boolean;
  /** What is to be read back when the target is final, because the credential for the upload cannot read. */
  readonly unread?: 'unverified' | 'full';
  /** The blob that the upload may replace. Saved before the replacement, and absent afterwards. */
  readonly replaces?: ReplacedBlob;
  /** Only for a managed disk that this upload created. */
  readonly disk?: DiskState;
  /** The blob whose copy the target starts as. */
  readonly base?: CheckpointBase;
  /** What the last run was given, for the command that resumes the upload. Absent if an older version wrote the checkpoint. */
  readonly given?: GivenOptions;
}

/** Options of an upload that its checkpoint does not show otherwise. Paths are those of `storedPath`. */
export interface GivenOptions {
  readonly format?: 'raw';
  readonly parentPaths?: readonly string[];
  readonly allowNetworkParents?: boolean;
  readonly baseManifest?: string;
  readonly trustBase?: boolean;
  readonly contentMd5?: boolean;
  readonly manifest?: string;
  /** Absent for the default. */
  readonly checksum?: ChecksumAlgorithm;
  /** Each `name=value`. */
  readonly metadata?: readonly string[];
  readonly contentType?: string;
  /** As given. */
  readonly pageBlobTier?: string;
  /** Form-encoded, as --blob-tags expects them. */
  readonly blobTags?: string;
  readonly verify?: 'none' | 'ranges' | 'full';
  readonly skipChecks?: boolean;
}

/** The uploaded ancestor of the image that an upload copies on the server. */
export interface CheckpointBase {
  /** Without a SAS. */
  readonly url: string;
  /** The version of the base that is copied. */
  readonly etag: string;
  /** Which file of `image` the base was made from. */
  readonly ancestor: number;
  /** Unique id of that VHD, in hexadecimal. */
  readonly id: string;
  /** Undefined until the service has answered. */
  readonly copyId?: string;
  /** The copy has ended, and the target is marked as a blob of this upload. */
  readonly copied: boolean;
  /** It is certain that the pages of the target that this upload did not send are those of the ancestor. */
  readonly proved: boolean;
  /** Bytes of the finished parts that were not sent, because the copy contained them. */
  readonly kept: number;
  /** Bytes of the finished parts that were cleared, because the image does not have them. */
  readonly cleared: number;
}

/** The managed disk that the upload created. Its name may later belong to another disk, which has another `uniqueId`. */
export interface DiskState {
  /** Resource id. */
  readonly id: string;
  /** Undefined until the service has created it. */
  readonly uniqueId?: string;
  /** The content was verified, and the end of the access requested. */
  readonly finishing?: boolean;
}

/** A blob that a command was allowed to replace. */
export interface ReplacedBlob {
  readonly etag: string;
  /** Set if an earlier run of this upload created the blob: then it may have changed since. */
  readonly uploadId?: string;
}

/** How the next run takes over the blob if this run is killed. */
export interface CheckpointLease {
  /** The run that wrote the checkpoint. */
  readonly owner: Owner;
  /** The ids under which the blob may be leased, newest first. */
  readonly ids: readonly string[];
  /**
   * One of these ids, whose run held the lease when it saved this checkpoint. If that lease can be renewed, nothing else has written
   * to the blob since: the service renews an expired lease only if the blob was neither modified nor leased again. Source: REST,
   * Lease Blob.
   */
  readonly proof?: string;
}

/** Increase it when the meaning of a field changes, or the way in which windows are split into runs. */
const FORMAT = 4;

/** The files of the image. The state of a verification contains them too. */
export const imageFiles = listOf(
  object<CheckpointImageFile>({ name: text, size: count, modifiedMs: integer, diskId: text }),
);

export const skippedFree = object<SkippedFree>({ mode: oneOf(...SKIP_FREE_MODES), digest: sha256 });

const owner = object<Owner>({
  id: text,
  host: text,
  pid: count,
  since: text,
  machine: optional(object<Machine>({ machineId: text, bootId: text, pidNamespace: text })),
});

const FORM: StateForm<Checkpoint> = {
  name: 'checkpoint',
  marker: 'vhdupCheckpoint',
  format: FORMAT,
  nextStep:
    'Use --resume-from-blob to resume from the contents of the blob, --restart --overwrite to upload from the beginning, or --checkpoint to name another file.',
  decode: object<Checkpoint>({
    uploadId: text,
    startedAt: time,
    image: imageFiles,
    diskSize: count,
    trustUnmarkedSectors: flag,
    skipFree: optional(skippedFree),
    blobUrl: text,
    blobSize: count,
    done: ranges,
    sent: object<Checkpoint['sent']>({ bytes: count, pages: pageDigest }),
    unverified: ranges,
    lease: object<CheckpointLease>({ owner, ids: listOf(text), proof: optional(text) }),
    etag: optional(text),
    fromBlob: optional(flag),
    failed: optional(flag),
    unread: optional(oneOf('unverified', 'full')),
    replaces: optional(object<ReplacedBlob>({ etag: text, uploadId: optional(text) })),
    disk: optional(object<DiskState>({ id: text, uniqueId: optional(text), finishing: optional(flag) })),
    base: optional(
      object<CheckpointBase>({
        url: text,
        etag: text,
        ancestor: count,
        id: text,
        copyId: optional(text),
        copied: flag,
        proved: flag,
        kept: count,
        cleared: count,
      }),
    ),
    given: optional(
      object<GivenOptions>({
        format: optional(oneOf('raw')),
        parentPaths: optional(listOf(text)),
        allowNetworkParents: optional(flag),
        baseManifest: optional(text),
        trustBase: optional(flag),
        contentMd5: optional(flag),
        manifest: optional(text),
        checksum: optional(oneOf('crc64', 'md5', 'none')),
        metadata: optional(listOf(text)),
        contentType: optional(text),
        pageBlobTier: optional(text),
        blobTags: optional(text),
        verify: optional(oneOf('none', 'ranges', 'full')),
        skipChecks: optional(flag),
      }),
    ),
  }),
};

export function encodeCheckpoint({ done, unverified, ...rest }: Checkpoint): string {
  return encodeState(FORM, { ...rest, done: storedRanges(done), unverified: storedRanges(unverified) });
}

/**
 * @param path - The path for messages.
 * @throws {CheckpointError} not a checkpoint, a checkpoint of another version, or a damaged one.
 */
export function decodeCheckpoint(text: string, path: string): Checkpoint {
  return decodeState(FORM, text, path);
}
