// The checkpoint: what is kept between two runs of one upload, and how its file stores it.

import type { ByteRange } from '../base/byte-range.ts';
import { count, flag, integer, listOf, object, optional, pageDigest, ranges, text, time } from './decode.ts';
import type { Owner } from './lease-holder.ts';
import type { Machine } from './machine-id.ts';
import { decodeState, encodeState, type StateForm, storedRanges } from './state-format.ts';

/** One image file as it was when the upload started. */
export interface CheckpointImageFile {
  readonly name: string;
  readonly size: number;
  readonly modifiedMs: number;
  readonly diskId: string;
}

/** The state of an upload. It contains no secrets. */
export interface Checkpoint {
  readonly uploadId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The image file, then its parents. */
  readonly image: readonly CheckpointImageFile[];
  /** Virtual size of the disk in bytes, not rounded up. */
  readonly diskSize: number;
  /** Whether the image is read with this option, which changes what the disk reads as. */
  readonly trustUnmarkedSectors: boolean;
  /** URL of the blob without its query. */
  readonly blobUrl: string;
  /** Length of the blob in bytes. */
  readonly blobSize: number;
  /** Ranges of the disk that are done: all of their writes were acknowledged. Ascending, with gaps between them. */
  readonly done: readonly ByteRange[];
  /** The pages that were sent for the ranges that are done. */
  readonly sent: {
    readonly bytes: number;
    /** Their PageSetDigest. */
    readonly pages: string;
  };
  /** Ranges that are done but not proved unmodified. They are read back at the end. Ascending, with gaps between them. */
  readonly unverified: readonly ByteRange[];
  /** The run that wrote this checkpoint, and its leases. */
  readonly lease: CheckpointLease;
  /** ETag of the blob when a run released its lease. While it is the same, nothing has written to the blob since. */
  readonly etag?: string;
  /** The checkpoint was rebuilt from the blob: pages that the blob holds are not sent again, even in windows that are not done. */
  readonly fromBlob?: boolean;
  /** The blob does not match the image, and the upload cannot be resumed. */
  readonly failed?: boolean;
  /** The existing blob that the upload may replace: saved before it does, and absent afterwards. */
  readonly replaces?: ReplacedBlob;
}

/** A blob that a command was allowed to replace. */
export interface ReplacedBlob {
  readonly etag: string;
  /** Set if an earlier run of this upload created the blob. It may be replaced even if it has changed meanwhile. */
  readonly uploadId?: string;
}

/** How the next run takes over the blob if this run is killed. */
export interface CheckpointLease {
  /** The run that wrote the checkpoint. */
  readonly owner: Owner;
  /** Ids of leases that the blob may be held under, newest first. */
  readonly ids: readonly string[];
  /**
   * The one under which a run held the blob when it saved this checkpoint. While that lease can be renewed, nothing else has written
   * to the blob since: the service renews an expired lease only if the blob was not written to or leased since. Source: REST, Lease
   * Blob.
   */
  readonly proof?: string;
}

/** Increase it when the meaning of a field changes, or the way in which a window is cut into runs. */
const FORMAT = 4;

/** Decodes the files of the image; also used by the state of a verification. */
export const imageFiles = listOf(
  object<CheckpointImageFile>({ name: text, size: count, modifiedMs: integer, diskId: text }),
);

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
    'Give --resume-from-blob to resume from what the blob holds, --restart --overwrite to upload from the beginning, or --checkpoint to name another file.',
  decode: object<Checkpoint>({
    uploadId: text,
    startedAt: time,
    image: imageFiles,
    diskSize: count,
    trustUnmarkedSectors: flag,
    blobUrl: text,
    blobSize: count,
    done: ranges,
    sent: object<Checkpoint['sent']>({ bytes: count, pages: pageDigest }),
    unverified: ranges,
    lease: object<CheckpointLease>({ owner, ids: listOf(text), proof: optional(text) }),
    etag: optional(text),
    fromBlob: optional(flag),
    failed: optional(flag),
    replaces: optional(object<ReplacedBlob>({ etag: text, uploadId: optional(text) })),
  }),
};

export function encodeCheckpoint({ done, unverified, ...rest }: Checkpoint): string {
  return encodeState(FORM, { ...rest, done: storedRanges(done), unverified: storedRanges(unverified) });
}

/**
 * @param path - For the message.
 * @throws {CheckpointError} the text is not a checkpoint, has another version, or is damaged.
 */
export function decodeCheckpoint(text: string, path: string): Checkpoint {
  return decodeState(FORM, text, path);
}
