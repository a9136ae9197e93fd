// What is remembered between two runs of one verification, and how it stands in the file.
import type { ByteRange } from '../base/byte-range.ts';
import type { DifferenceSummary } from '../verify/differences.ts';
import type { CheckpointImageFile } from './checkpoint.ts';
import { decodeState, encodeState, rangesOf, type StateForm, type StoredRanges, storedRanges } from './state-format.ts';

/** What a verification is of. All of it must be the same for another run to go on. */
export interface VerifiedThings {
  readonly image: readonly CheckpointImageFile[];
  readonly trustUnmarkedSectors: boolean;
  /** The blob's URL without its query. */
  readonly blobUrl: string;
  /** Changes with the blob. */
  readonly etag: string;
  /** The upload id of the manifest that is compared with. */
  readonly manifest: string | null;
}

/** The state of a verification. Holds no secret. */
export interface Verification {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly things: VerifiedThings;
  /** Parts of the disk that were compared. Ascending and apart. */
  readonly done: readonly ByteRange[];
  /** A PageSetDigest of the image's pages in them. */
  readonly sent: { readonly bytes: number; readonly pages: string };
  readonly readBack: number;
  readonly differences: DifferenceSummary;
}

const FORM: StateForm = {
  name: 'checkpoint',
  marker: 'vhdupVerification',
  format: 1,
  wayOut: 'Give --restart to verify from the beginning, or --checkpoint to name another file.',
};

export function encodeVerification(verification: Verification): string {
  return encodeState(FORM, { ...verification, done: storedRanges(verification.done) });
}

/**
 * @param path - For the message.
 * @throws {CheckpointError} not the checkpoint of a verification, of another version, or damaged.
 */
export function decodeVerification(text: string, path: string): Verification {
  const fields = decodeState(FORM, text, path) as Omit<Verification, 'done'> & { done: StoredRanges };
  return { ...fields, done: rangesOf(fields.done) };
}
