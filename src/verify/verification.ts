// What is remembered between two runs of one verification, and how the file stores it.
import type { ByteRange } from '../base/byte-range.ts';
import { type CheckpointImageFile, imageFiles } from '../state/checkpoint.ts';
import { count, flag, listOf, nullable, object, oneOf, pageDigest, ranges, text, time } from '../state/decode.ts';
import { decodeState, encodeState, type StateForm, storedRanges } from '../state/state-format.ts';
import { DIFFERENCE_KINDS, type Difference, type DifferenceSummary } from './differences.ts';

/** What a verification is of. All of it must be the same for another run to resume. */
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
 * @throws {CheckpointError} not the checkpoint of a verification, of another version, or damaged.
 */
export function decodeVerification(text: string, path: string): Verification {
  return decodeState(FORM, text, path);
}
