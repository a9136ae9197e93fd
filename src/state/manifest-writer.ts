// Writes the manifest during an upload, across all of its runs.
import { access, constants, type FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { explainFileProblem, isFileProblem } from '../base/file-problem.ts';
import { shownPath } from '../base/printable.ts';
import { createExclusive, openExisting, PRIVATE_MODE, requireName } from '../base/side-file.ts';
import { LocalFileError } from '../errors.ts';
import {
  decodeHeader,
  encodeEnd,
  encodeHeader,
  encodeWindow,
  MANIFEST_BEGINNING,
  type ManifestEnd,
  type ManifestHeader,
  type ManifestWindow,
} from './manifest.ts';

export interface OpenManifestOptions {
  /** Whether an earlier run of the same upload has sent data: then its manifest must exist. */
  readonly isResumed: boolean;
  /** Whether to replace the manifest of another upload. Any other file is never replaced. */
  readonly mayReplace: boolean;
}

/** A header has a few hundred bytes, and more for a long chain of images. */
const MAX_HEADER = 1024 * 1024;
const TAIL_STEP = 64 * 1024;

export class ManifestWriter {
  readonly path: string;
  readonly #handle: FileHandle;
  /** The position of the next line. Anything after it is a partial line. */
  #position: number;
  /** The position of the last line, if this run has written it. */
  #end: number | undefined;
  /** Lines that are not yet in the file. */
  #lines: string[] = [];
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, handle: FileHandle, position: number) {
    this.path = path;
    this.#handle = handle;
    this.#position = position;
  }

  /**
   * Creates a manifest, or resumes the manifest of the same upload.
   * @throws {LocalFileError} the file is not a manifest, belongs to another upload, is missing, or cannot be written.
   */
  static async open(
    path: string,
    header: ManifestHeader,
    { isResumed, mayReplace }: OpenManifestOptions,
  ): Promise<ManifestWriter> {
    return await writing(path, async () => {
      const handle = (await openExisting(path, 'write')) ?? (await createExclusive(path, PRIVATE_MODE));
      try {
        const { size } = await handle.stat();
        const stored = size === 0 ? undefined : await readHeader(handle, path);
        if (stored?.uploadId === header.uploadId) {
          if (stored.checksum !== header.checksum) {
            throw new LocalFileError(
              `Cannot resume the manifest ${shownPath(path)}: it contains ${stored.checksum} checksums, but this run computes ${header.checksum}. Use --checksum ${stored.checksum}, or --restart to upload from the beginning.`,
            );
          }
          const writer = new ManifestWriter(path, handle, await endOfLastLine(handle, size));
          await handle.truncate(writer.#position);
          return writer;
        }
        if (isResumed) {
          throw new LocalFileError(
            `Cannot resume the manifest ${shownPath(path)}: it does not contain the data that earlier runs sent. Name the manifest of the first run, omit --manifest, or use --restart to upload from the beginning.`,
          );
        }
        if (size > 0 && !mayReplace) {
          throw ofAnotherUpload(path);
        }
        await handle.truncate(0);
        const writer = new ManifestWriter(path, handle, 0);
        writer.#lines.push(encodeHeader(header));
        await writer.flush();
        return writer;
      } catch (error) {
        await handle.close();
        throw error;
      }
    });
  }

  /** Adds a window, which the next `flush` writes. */
  windowDone(window: ManifestWindow): void {
    this.#lines.push(encodeWindow(window));
  }

  /**
   * Resolves when everything added before the call would survive a power failure. After a failure, the next call retries all
   * lines, including those that were partly written.
   * @throws {LocalFileError} the disk is full, ...
   */
  flush(): Promise<void> {
    const written = this.#writing.then(() => writing(this.path, () => this.#write()));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  /** Writes the last line, or replaces it by one that records more. @throws {LocalFileError} the disk is full, ... */
  async complete(end: ManifestEnd): Promise<void> {
    await this.flush();
    this.#end ??= this.#position;
    this.#position = this.#end;
    this.#lines.push(encodeEnd(end));
    await this.flush();
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#handle.close();
  }

  async #write(): Promise<void> {
    const lines = this.#lines.length;
    if (lines === 0) return;
    const bytes = Buffer.from(this.#lines.join(''));
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#handle.write(bytes, done, bytes.length - done, this.#position + done)).bytesWritten;
    }
    await this.#handle.sync();
    this.#position += bytes.length;
    this.#lines = this.#lines.slice(lines);
  }
}

/**
 * Checks in advance whether a manifest can be written to this path.
 * @throws {LocalFileError} the existing file is not a manifest, or no file can be created.
 */
export async function checkManifestPath(path: string): Promise<void> {
  await writing(path, async () => {
    requireName(path);
    await access(dirname(resolve(path)), constants.W_OK);
    const handle = await openExisting(path, 'write');
    try {
      if (handle !== undefined && (await handle.stat()).size > 0) await readHeader(handle, path);
    } finally {
      await handle?.close();
    }
  });
}

/**
 * Refuses in advance what `ManifestWriter.open` would refuse after the target has been created.
 * @param uploadId - Of the checkpoint; undefined if a new upload starts.
 * @throws {LocalFileError} the file is the manifest of another upload.
 */
export async function assertManifestOf(path: string, uploadId: string | undefined): Promise<void> {
  await writing(path, async () => {
    const handle = await openExisting(path, 'write');
    try {
      if (handle === undefined || (await handle.stat()).size === 0) return;
      const header = await readHeader(handle, path);
      if (header === undefined || header.uploadId !== uploadId) throw ofAnotherUpload(path);
    } finally {
      await handle?.close();
    }
  });
}

function ofAnotherUpload(path: string): LocalFileError {
  return new LocalFileError(
    `Cannot write the manifest ${shownPath(path)}: it belongs to another upload. Name another file, or use --restart to replace it.`,
  );
}

/** Undefined if the header is truncated or of another version. @throws {LocalFileError} the file is not a manifest. */
async function readHeader(handle: FileHandle, path: string): Promise<ManifestHeader | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_HEADER), 0, MAX_HEADER, 0);
  const text = buffer.toString('utf8', 0, bytesRead);
  if (!text.startsWith(MANIFEST_BEGINNING)) {
    throw new LocalFileError(
      `Cannot write the manifest ${shownPath(path)}: the file exists and is not a vhdup manifest. Name another file with --manifest.`,
    );
  }
  return decodeHeader(text.slice(0, text.indexOf('\n') + 1));
}

/** The end of the last complete line: a stop may have interrupted the last one. */
async function endOfLastLine(handle: FileHandle, size: number): Promise<number> {
  const buffer = Buffer.alloc(TAIL_STEP);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - TAIL_STEP);
    const { bytesRead } = await handle.read(buffer, 0, end - start, start);
    const newline = buffer.subarray(0, bytesRead).lastIndexOf('\n');
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
}

async function writing<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!isFileProblem(error)) throw error;
    throw new LocalFileError(
      `Cannot write the manifest ${shownPath(path)}: ${explainFileProblem(error, '--manifest')}`,
      { cause: error },
    );
  }
}
