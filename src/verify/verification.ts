// What is kept between two runs of one verification, and how its file stores it.
import type { ByteRange } from '../base/byte-range.ts';
import { type CheckpointImageFile, imageFiles } from '../state/checkpoint.ts';
import {
  count,
  flag,
  listOf,
  nullable,
  object,
  oneOf,
  optional,
  pageDigest,
  ranges,
  text,
  time,
} from '../state/decode.ts';
import { decodeState, encodeState, type StateForm, storedRanges } from '../state/state-format.ts';
import { DIFFERENCE_KINDS, type Difference, type DifferenceSummary } from './differences.ts';

/** The subject of a verification. A run resumes only if all fields are the same. */
export interface VerifiedThings {
  readonly image: readonly CheckpointImageFile[];
  readonly trustUnmarkedSectors: boolean;
  /** The free space that was left out, as `encodeSkippedFree` writes it. */
  readonly skipFree?: string;
  /** URL of the blob without its query. */
  readonly blobUrl: string;
  /** Changes with the blob. */
  readonly etag: string;
  /** Upload id of the manifest; null without one. */
  readonly manifest: string | null;
}

/** The state of a verification. It contains no secrets. */
export interface Verification {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly things: VerifiedThings;
  /** Ranges of the disk that were compared. Ascending, with gaps between them. */
  readonly done: readonly ByteRange[];
  /** A PageSetDigest of the image's pages in these ranges. */
  readonly sent: { readonly bytes: number; readonly pages: string };
  readonly readBack: number;
  readonly differences: DifferenceSummary;
}

const FORM: StateForm<Verification> = {
  name: 'checkpoint',
  marker: 'vhdupVerification',
  format: 1,
  nextStep: 'Give --restart to verify from the beginning, or --checkpoint to name another file.',
  decode: object<Verification>({
    startedAt: time,
    things: object<VerifiedThings>({
      image: imageFiles,
      trustUnmarkedSectors: flag,
      skipFree: optional(text),
      blobUrl: text,
      etag: text,
      manifest: nullable(text),
    }),
    done: ranges,
    sent: object<Verification['sent']>({ bytes: count, pages: pageDigest }),
    readBack: count,
    differences: object<DifferenceSummary>({
      count,
      bytes: count,
      first: listOf(object<Difference>({ kind: oneOf(...DIFFERENCE_KINDS), offset: count, length: count })),
    }),
  }),
};

export function encodeVerification(verification: Verification): string {
  return encodeState(FORM, { ...verification, done: storedRanges(verification.done) });
}

/**
 * @param path - For the message.
 * @throws {CheckpointError} the text is not the state of a verification, has another version, or is damaged.
 */
export function decodeVerification(text: string, path: string): Verification {
  return decodeState(FORM, text, path);
}
