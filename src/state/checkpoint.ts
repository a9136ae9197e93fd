// What is remembered between two runs of one upload, and how it stands in the file.

import type { ByteRange } from '../base/byte-range.ts';
import type { BlobState } from './blob-metadata.ts';
import type { Owner } from './lease-holder.ts';
import { decodeState, encodeState, rangesOf, type StateForm, type StoredRanges, storedRanges } from './state-format.ts';

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
  /** Who wrote this checkpoint, and under which leases. */
  readonly lease?: CheckpointLease;
  /** When this was written, by the clock of the service, in milliseconds since 1970. */
  readonly savedMs: number;
  /** The blob's ETag as the run last knew it. Absent while it sends, and where it got no answer. */
  readonly etag?: string;
  /** Set where a request of that run may have changed the ETag since. */
  readonly etagMayChange?: true;
  /** Set when it was rebuilt from the blob: pages that are there count as sent, although no window says so. */
  readonly fromBlob?: true;
  /** Of the blob, as its metadata should have it. @default 'uploading' */
  readonly state?: DoubtfulState;
  /** What has to be read back where the state is `doubted`; the rest was sent under a lease since. @default all that is there */
  readonly doubted?: readonly ByteRange[];
  /** The blob that the upload may replace with its own: saved before it does so, and gone afterwards. */
  readonly replaces?: ReplacedBlob;
}

export type DoubtfulState = Extract<BlobState, 'doubted' | 'exposed' | 'spoilt'>;

/** A blob that one command was allowed to replace. */
export interface ReplacedBlob {
  readonly etag: string;
  /** Where an earlier run of this upload made it: then it may have changed meanwhile. */
  readonly uploadId?: string;
}

/** What the next run on the same machine takes the lease over with, should this one be killed. */
export interface CheckpointLease {
  readonly owner: Owner;
  /** Newest first: the lease of this run, and those that it may not have replaced yet. */
  readonly ids: readonly string[];
  /** Set as long as one of them may be in force. Then nothing else can write without ending it, and the service tells. */
  readonly held?: true;
  /** The id of the owner that the blob names, until it names this one. */
  readonly follows?: string;
}

/** A change of what the fields mean, or of which runs a window is cut into, needs another number. */
const FORMAT = 3;

const FORM: StateForm = {
  name: 'checkpoint',
  marker: 'vhdupCheckpoint',
  format: FORMAT,
  wayOut:
    'Give --resume-from-blob to go on by what the blob holds, --restart to upload from the beginning, or --checkpoint to name another file.',
};

export function encodeCheckpoint(checkpoint: Checkpoint): string {
  const { done, doubted, ...rest } = checkpoint;
  const doubt = doubted === undefined ? {} : { doubted: storedRanges(doubted) };
  return encodeState(FORM, { ...rest, done: storedRanges(done), ...doubt });
}

/**
 * @param path - For the message.
 * @throws {CheckpointError} not a checkpoint, of another version, or damaged.
 */
export function decodeCheckpoint(text: string, path: string): Checkpoint {
  const { done, doubted, ...fields } = decodeState(FORM, text, path) as StoredCheckpoint;
  const doubt = doubted === undefined ? {} : { doubted: rangesOf(doubted) };
  return { ...fields, done: rangesOf(done), ...doubt };
}

type StoredCheckpoint = Omit<Checkpoint, 'done' | 'doubted'> & { done: StoredRanges; doubted?: StoredRanges };
