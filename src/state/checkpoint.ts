// What is remembered between two runs of one upload, and how the file stores it.

import type { ByteRange } from '../base/byte-range.ts';
import { count, flag, integer, listOf, object, optional, pageDigest, ranges, text, time } from './decode.ts';
import type { Owner } from './lease-holder.ts';
import type { Machine } from './machine-id.ts';
import { decodeState, encodeState, type StateForm, storedRanges } from './state-format.ts';

/** One image file as it was when the upload began. */
export interface CheckpointImageFile {
  readonly name: string;
  readonly size: number;
  readonly modifiedMs: number;
  readonly diskId: string;
}

/** The state of an upload. Holds no secret. */
export interface Checkpoint {
  readonly uploadId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The image file, then its parents. */
  readonly image: readonly CheckpointImageFile[];
  /** Virtual size of the disk in bytes, before it is rounded up. */
  readonly diskSize: number;
  /** Whether the image was read with this option: it changes what the disk reads as. */
  readonly trustUnmarkedSectors: boolean;
  /** The blob's URL without its query. */
  readonly blobUrl: string;
  /** Length of the blob in bytes. */
  readonly blobSize: number;
  /** Parts of the disk that need nothing more: every write of theirs was acknowledged. Ascending and apart. */
  readonly done: readonly ByteRange[];
  /** What was sent for the parts that are done. */
  readonly sent: {
    readonly bytes: number;
    /** A PageSetDigest of the pages. */
    readonly pages: string;
  };
  /** What nothing proves to be as it was sent: it is read back at the end. Of what is done, ascending and apart. */
  readonly unverified: readonly ByteRange[];
  /** Who wrote this checkpoint, and under which leases. */
  readonly lease: CheckpointLease;
  /** The blob's ETag when a run gave it back: as long as it is the same, nothing has written to the blob since. */
  readonly etag?: string;
  /** It was rebuilt from the blob: pages that are in the blob need not be sent, although no window says so. */
  readonly fromBlob?: boolean;
  /** The blob is not the image, and the upload cannot be resumed. */
  readonly failed?: boolean;
  /** The blob that the upload may replace with its own: saved before it does so, and absent afterwards. */
  readonly replaces?: ReplacedBlob;
}

/** A blob that one command was allowed to replace. */
export interface ReplacedBlob {
  readonly etag: string;
  /** Where an earlier run of this upload made it: then it may have changed meanwhile. */
  readonly uploadId?: string;
}

/** How the next run takes the blob over, should this one be killed. */
export interface CheckpointLease {
  /** The run that wrote the checkpoint. */
  readonly owner: Owner;
  /** Ids that the blob may be leased under: newest first. */
  readonly ids: readonly string[];
  /**
   * One of them, of a run that held the blob when it saved this checkpoint. As long as that lease can be renewed, nothing else has
   * written to the blob since: the service renews one that has expired, but not once the blob was written to or leased again.
   * Source: REST, Lease Blob.
   */
  readonly proof?: string;
}

/** A change of what the fields mean, or of which runs a window is cut into, needs another number. */
const FORMAT = 4;

/** The files of the image: the state of a verification has them too. */
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
 * @throws {CheckpointError} not a checkpoint, of another version, or damaged.
 */
export function decodeCheckpoint(text: string, path: string): Checkpoint {
  return decodeState(FORM, text, path);
}
