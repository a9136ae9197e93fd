// The manifest of an upload: each range that was sent and its checksum, one JSON object per line. Contains no secret.
import type { ByteRange } from '../base/byte-range.ts';
import type { Checksum } from '../base/page-run.ts';
import type { SkippedFree } from '../base/skip-free.ts';
import { type CheckpointImageFile, imageFiles, skippedFree } from './checkpoint.ts';
import { count, FieldError, flag, object, oneOf, optional, text } from './decode.ts';

/** The first line: identifies the upload. */
export interface ManifestHeader {
  readonly uploadId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The image file, then its parents. */
  readonly image: readonly CheckpointImageFile[];
  /** Virtual size of the disk in bytes, before rounding up. */
  readonly diskSize: number;
  readonly trustUnmarkedSectors: boolean;
  /** The free space that was not sent. Absent if it was. */
  readonly skipFree?: SkippedFree;
  /** The blob's URL without the query. */
  readonly blobUrl: string;
  /** Length of the blob in bytes. */
  readonly blobSize: number;
  readonly checksum: Checksum['algorithm'];
}

/** A range of the blob and the checksum of the data sent for it, in hexadecimal, in the byte order of the request's header. */
export interface SentRun extends ByteRange {
  readonly checksum: string;
}

/** One line per finished window of 4 MiB, in order of completion. If a window appears twice, the last line counts. */
export interface ManifestWindow {
  readonly window: ByteRange;
  readonly runs: readonly SentRun[];
}

/** The last line: the upload was complete. The ETag is added once the blob is marked as complete. */
export interface ManifestEnd {
  readonly footer: SentRun;
  /** Bytes of all runs, including the footer. */
  readonly bytes: number;
  /** A PageSetDigest of their pages. */
  readonly pages: string;
  /**
   * The ETag of the blob when it was complete, if it certainly held exactly what was sent. As long as it is unchanged, nothing has
   * written to the blob since.
   */
  readonly etag?: string;
}

/** In characters. Those of Azure have 19, with their name and quotes 32. */
const ETAG_ROOM = 48;

export const MANIFEST_FORMAT = 1;
const HEADER = object<ManifestHeader>({
  uploadId: text,
  startedAt: text,
  image: imageFiles,
  diskSize: count,
  trustUnmarkedSectors: flag,
  skipFree: optional(skippedFree),
  blobUrl: text,
  blobSize: count,
  checksum: oneOf('crc64', 'md5'),
});
/** The start of every manifest. */
export const MANIFEST_BEGINNING = '{"vhdupManifest":';

export function encodeHeader(header: ManifestHeader): string {
  return `${JSON.stringify({ vhdupManifest: MANIFEST_FORMAT, ...header })}\n`;
}

export function encodeWindow({ window, runs }: ManifestWindow): string {
  return `${JSON.stringify({ window: [window.offset, window.length], runs: runs.map(encodeRun) })}\n`;
}

/** The line has room for an ETag, so that adding it needs no more space on the disk. */
export function encodeEnd({ footer, etag, ...rest }: ManifestEnd): string {
  const end = { footer: encodeRun(footer), ...rest };
  const room = JSON.stringify({ end }).length + ETAG_ROOM;
  const line = JSON.stringify({ end: etag === undefined ? end : { ...end, etag } });
  return `${line.padEnd(room)}\n`;
}

/** Undefined if the line is not a header that this version supports. */
export function decodeHeader(line: string): ManifestHeader | undefined {
  const fields = objectIn(line);
  const { vhdupManifest } = fields ?? {};
  if (fields === undefined || vhdupManifest !== MANIFEST_FORMAT) return undefined;
  try {
    return HEADER(fields, '');
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
}

/** A window or the end; undefined if the line is neither. */
export function decodeLine(line: string): ManifestWindow | ManifestEnd | undefined {
  const fields = objectIn(line);
  if (fields === undefined) return undefined;
  const { window, runs, end } = fields;
  if (isRecord(end)) {
    const { footer, bytes, pages, etag } = end;
    const run = decodeRun(footer);
    if (run === undefined || !isSize(bytes) || typeof pages !== 'string') return undefined;
    return { footer: run, bytes, pages, ...(typeof etag === 'string' ? { etag } : {}) };
  }
  if (!Array.isArray(window) || !Array.isArray(runs)) return undefined;
  const [offset, length]: unknown[] = window;
  const decoded = runs.map(decodeRun).filter((run) => run !== undefined);
  if (!isSize(offset) || !isSize(length) || decoded.length !== runs.length) return undefined;
  return { window: { offset, length }, runs: decoded };
}

function encodeRun({ offset, length, checksum }: SentRun): readonly [number, number, string] {
  return [offset, length, checksum];
}

function decodeRun(stored: unknown): SentRun | undefined {
  if (!Array.isArray(stored)) return undefined;
  const [offset, length, checksum]: unknown[] = stored;
  return isSize(offset) && isSize(length) && typeof checksum === 'string' ? { offset, length, checksum } : undefined;
}

function objectIn(line: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
