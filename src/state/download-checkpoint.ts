// The state of a download between two runs, and its file format.
import type { ByteRange } from '../base/byte-range.ts';
import type { SkippedFree } from '../base/skip-free.ts';
import { skippedFree } from './checkpoint.ts';
import { count, flag, nullable, object, oneOf, optional, pageDigest, ranges, text, time } from './decode.ts';
import { decodeState, encodeState, type StateForm, storedRanges } from './state-format.ts';

/** What is downloaded. A run resumes only if all fields are the same. */
export interface DownloadedThing {
  /** URL of the blob, with the snapshot or version and without a SAS; the URL of the resource for a managed disk that was given by its name. */
  readonly url: string;
  /** Distinguishes a managed disk from others of the same name; null if it is not known, and for a blob. */
  readonly uniqueId: string | null;
  /** Changes with the blob. Empty if the service does not send it. */
  readonly etag: string;
  /** Length of the blob in bytes. */
  readonly size: number;
}

/** The formats of the file, as the option names them. */
export const DOWNLOAD_FORMATS = ['vhd', 'vhd-dynamic', 'vhdx', 'raw'] as const;

/** The state of a download. Contains no secret. */
export interface DownloadCheckpoint {
  /** ISO 8601. */
  readonly startedAt: string;
  /** Name of the file that is written, without its folder. */
  readonly name: string;
  readonly format: (typeof DOWNLOAD_FORMATS)[number];
  readonly source: DownloadedThing;
  /** Size of the disk in bytes. */
  readonly diskSize: number;
  /** The temporary file: see `LocalImageState`. */
  readonly file: { readonly temporary: string; readonly end: number; readonly length: number };
  /** The ranges of the disk that are in the temporary file. Ascending, with gaps between them. */
  readonly done: readonly ByteRange[];
  /** The pages with data in these ranges: their total length, and their PageSetDigest. */
  readonly sent: { readonly bytes: number; readonly pages: string };
  /** Bytes received for them. */
  readonly received: number;
  /** Whether the service sent a checksum for everything that was received. */
  readonly isProven: boolean;
  /** Upload id of the manifest that the data was compared with; null without one. */
  readonly manifest: string | null;
  /** The free space that is left out. Absent if nothing is. */
  readonly skipFree?: SkippedFree;
  /** The file is complete, and is about to get its name: how the file system knows it, as `fileIdentity` returns it. */
  readonly finishing?: string;
}

const FORM: StateForm<DownloadCheckpoint> = {
  name: 'checkpoint',
  marker: 'vhdupDownload',
  format: 1,
  nextStep: 'Give --restart to download from the beginning, or --checkpoint to name another file.',
  decode: object<DownloadCheckpoint>({
    startedAt: time,
    name: text,
    format: oneOf(...DOWNLOAD_FORMATS),
    source: object<DownloadedThing>({ url: text, uniqueId: nullable(text), etag: text, size: count }),
    diskSize: count,
    file: object<DownloadCheckpoint['file']>({ temporary: text, end: count, length: count }),
    done: ranges,
    sent: object<DownloadCheckpoint['sent']>({ bytes: count, pages: pageDigest }),
    received: count,
    isProven: flag,
    manifest: nullable(text),
    skipFree: optional(skippedFree),
    finishing: optional(text),
  }),
};

export function encodeDownload({ done, ...rest }: DownloadCheckpoint): string {
  return encodeState(FORM, { ...rest, done: storedRanges(done) });
}

/**
 * @param path - For the message.
 * @throws {CheckpointError} the text is not the state of a download, has another version, or is damaged.
 */
export function decodeDownload(text: string, path: string): DownloadCheckpoint {
  return decodeState(FORM, text, path);
}
