// Reads the manifest of a completed upload. The lines stay in the file; memory contains only their positions.
import type { FileHandle } from 'node:fs/promises';
import { WINDOW_SIZE } from '../base/byte-range.ts';
import { linesOf } from '../base/file-lines.ts';
import { explainFileProblem, FileRefusal, isFileProblem } from '../base/file-problem.ts';
import { printable, shownPath } from '../base/printable.ts';
import { openExisting } from '../base/side-file.ts';
import { LocalFileError, VerificationError } from '../errors.ts';
import { decodeHeader, decodeLine, type ManifestEnd, type ManifestHeader, type SentRun } from './manifest.ts';

/** A window has at most 64 runs of about 60 characters each. The header may be longer for a long chain of images. */
const MAX_LINE = 1024 * 1024;

/** An open manifest. Supports parallel reads. The caller of `open` closes it. */
export class ManifestReader {
  readonly path: string;
  readonly header: ManifestHeader;
  readonly end: ManifestEnd;
  readonly #handle: FileHandle;
  readonly #places: Places;

  private constructor(path: string, handle: FileHandle, header: ManifestHeader, end: ManifestEnd, places: Places) {
    this.path = path;
    this.#handle = handle;
    this.header = header;
    this.end = end;
    this.#places = places;
  }

  /**
   * Opens the manifest and scans it once.
   * @param blobSize - Length of the blob in bytes. The manifest must describe a blob of this size.
   * @throws {LocalFileError} the file cannot be read, or is not a manifest. @throws {VerificationError} the upload was not completed, or the blob has another size.
   */
  static async open(path: string, blobSize: number): Promise<ManifestReader> {
    const handle = await reading(path, async () => {
      const opened = await openExisting(path, 'read', { links: 'follow' });
      if (opened === undefined) throw new FileRefusal('the file does not exist');
      return opened;
    });
    try {
      return await reading(path, () => ManifestReader.#scan(path, handle, blobSize));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  static async #scan(path: string, handle: FileHandle, blobSize: number): Promise<ManifestReader> {
    let header: ManifestHeader | undefined;
    let end: ManifestEnd | undefined;
    const places = new Places(blobSize);
    for await (const { text, position, length } of linesOf(handle, MAX_LINE)) {
      if (text === undefined) throw invalidLine(path, position);
      if (header === undefined) {
        header = decodeHeader(text);
        if (header === undefined) throw invalidLine(path, position);
        assertSize(path, header, blobSize);
        continue;
      }
      const line = decodeLine(text);
      if (line === undefined) throw invalidLine(path, position);
      if ('footer' in line) {
        end = line;
      } else {
        // After a completed upload, nothing follows the end.
        end = undefined;
        if (!places.set(line.window.offset, position, length)) throw invalidLine(path, position);
      }
    }
    if (header === undefined) throw invalidLine(path, 0);
    if (end === undefined) {
      throw new VerificationError(
        `The manifest ${shownPath(path)} belongs to an upload that was not completed: its last line is missing. Run the same upload again.`,
      );
    }
    return new ManifestReader(path, handle, header, end, places);
  }

  /** The runs that were sent for the window at `offset`; empty if the manifest has no line for it. */
  async runsAt(offset: number): Promise<readonly SentRun[]> {
    const place = this.#places.get(offset);
    if (place === undefined) return [];
    const { position, length } = place;
    const { buffer, bytesRead } = await reading(this.path, () =>
      this.#handle.read(Buffer.alloc(length), 0, length, position),
    );
    const line = decodeLine(buffer.toString('utf8', 0, bytesRead));
    if (line === undefined || 'footer' in line) throw invalidLine(this.path, position);
    return line.runs;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** The position of each window's line: 12 bytes per window of the blob. */
class Places {
  readonly #positions: Float64Array;
  readonly #lengths: Uint32Array;

  constructor(blobSize: number) {
    const windows = Math.ceil(blobSize / WINDOW_SIZE);
    this.#positions = new Float64Array(windows);
    this.#lengths = new Uint32Array(windows);
  }

  /** @returns false if no window starts at `offset`. */
  set(offset: number, position: number, length: number): boolean {
    const index = offset / WINDOW_SIZE;
    if (!Number.isInteger(index) || index >= this.#positions.length) return false;
    this.#positions[index] = position;
    this.#lengths[index] = length;
    return true;
  }

  get(offset: number): { readonly position: number; readonly length: number } | undefined {
    const index = offset / WINDOW_SIZE;
    const length = this.#lengths[index] ?? 0;
    return length === 0 ? undefined : { position: this.#positions[index] ?? 0, length };
  }
}

function assertSize(path: string, { blobUrl, blobSize }: ManifestHeader, expected: number): void {
  if (blobSize === expected) return;
  throw new VerificationError(
    `The manifest ${shownPath(path)} belongs to an upload of ${blobSize} bytes to ${printable(blobUrl)}, but the blob of this image has ${expected} bytes. Name the manifest of this image with --manifest.`,
  );
}

function invalidLine(path: string, position: number): LocalFileError {
  return new LocalFileError(
    `Cannot read the manifest ${shownPath(path)}: the line at byte ${position} is not valid. The file is damaged, or not a vhdup manifest.`,
  );
}

async function reading<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!isFileProblem(error)) throw error;
    throw new LocalFileError(
      `Cannot read the manifest ${shownPath(path)}: ${explainFileProblem(error, '--manifest')}`,
      { cause: error },
    );
  }
}
