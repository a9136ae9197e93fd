// One open image file: positional reads that are exact and may run side by side, and a watch over changes of the file.
import type { BigIntStats } from 'node:fs';
import { constants, type FileHandle, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ByteRange, FilePiece } from '../base/byte-range.ts';
import { fileProblemReason } from '../base/file-problem.ts';
import { printable } from '../base/printable.ts';
import { CorruptImageError, ImageAccessError, ImageChangedError, UsageError } from '../errors.ts';
import { type AskForData, dataRanges, knowsOfData } from './data-ranges.ts';
import { openDataQuery } from './sparse-file.ts';

/** Looks at a file that cannot be looked at, as on a share that is away for a moment, and the time between them in milliseconds. */
const LOOKS = 4;
const LOOK_INTERVAL_MS = 500;

/** Something about an image that its owner should know and that does not stop us. */
export interface ImageWarning {
  /** Stable, kebab-case. */
  readonly code: string;
  readonly message: string;
}

export interface ImageFileOptions {
  /** Read the holes of a sparse file like all the rest, whatever the system reports as a hole. @default false */
  readonly readHoles?: boolean;
  /** Called for each warning, at open and while reading. */
  readonly onWarning?: (warning: ImageWarning) => void;
}

/** A regular file, opened for reading only. Who opens it closes it. */
export class ImageFile {
  readonly path: string;
  /** Length in bytes when the file was opened. */
  readonly size: number;
  /** Time of the last modification when the file was opened. */
  readonly modifiedMs: number;
  /** Device and inode: two paths to one file give the same text. The path where the file system has no inodes. */
  readonly fileId: string;
  /** Whether it takes less disk space than it has bytes: some of them are holes, or compressed. */
  readonly isSparse: boolean;
  readonly #handle: FileHandle;
  #dataQuery: Promise<AskForData | undefined> | undefined;
  readonly #modifiedNs: bigint;
  /**
   * What `stat` of the path gave, for `stat` of the path later: never compared with what the handle gives. On Windows
   * Node 22.12 to 22.16 and 24.0 to 24.1 give one file two device numbers: github.com/libuv/libuv/pull/4698
   */
  readonly #idAtPath: string;
  readonly #onWarning: (warning: ImageWarning) => void;
  #hasWarned = false;

  private constructor(
    path: string,
    atPath: BigIntStats,
    handle: FileHandle,
    opened: BigIntStats,
    { readHoles = false, onWarning = () => undefined }: ImageFileOptions,
  ) {
    this.path = path;
    this.size = Number(opened.size);
    this.modifiedMs = Number(opened.mtimeMs);
    // Some network file systems give Windows no number: all of their files would be one.
    this.fileId = opened.ino === 0n ? resolve(path) : idOf(opened);
    this.isSparse = opened.blocks * 512n < opened.size;
    if (readHoles) this.#dataQuery = Promise.resolve(undefined);
    this.#handle = handle;
    this.#modifiedNs = opened.mtimeNs;
    this.#idAtPath = idOf(atPath);
    this.#onWarning = onWarning;
  }

  /**
   * Opens `path`, which must be a regular file.
   * @throws {UsageError} the path is empty.
   * @throws {ImageAccessError} absent, not a regular file, no permission, or held exclusively by another process.
   */
  static async open(path: string, options: ImageFileOptions = {}): Promise<ImageFile> {
    if (path === '') throw new UsageError('The path of the image is empty. Name an image file.');
    let handle: FileHandle | undefined;
    try {
      // Before open: opening a FIFO would wait for a writer, and opening a device can have effects.
      const atPath = await stat(path, { bigint: true });
      requireRegularFile(path, atPath.isFile());
      handle = await open(path, constants.O_RDONLY);
      const opened = await handle.stat({ bigint: true });
      requireRegularFile(path, opened.isFile());
      return new ImageFile(path, atPath, handle, opened, options);
    } catch (error) {
      await handle?.close();
      throw error instanceof ImageAccessError ? error : accessError('open', path, error);
    }
  }

  /**
   * Fills `into`, and then each of `more`, with what follows `position` in the file: one system call as a rule.
   * @throws {CorruptImageError} the file ends before they are full.
   * @throws {ImageAccessError} the operating system cannot read it.
   */
  async read(position: number, into: Uint8Array, ...more: readonly Uint8Array[]): Promise<void> {
    let parts = [into, ...more].filter((part) => part.length > 0);
    let next = position;
    while (parts.length > 0) {
      const bytesRead = await this.#readSome(next, parts);
      if (bytesRead === 0) {
        const wanted = [into, ...more].reduce((sum, part) => sum + part.length, 0);
        throw new CorruptImageError(
          `Cannot read ${wanted} bytes at ${position} of ${printable(this.path)}: the file ends at ${next}.`,
        );
      }
      next += bytesRead;
      parts = withoutFirst(parts, bytesRead);
    }
  }

  /** What begins at `position`, to be read by another thread. */
  piece(position: number): FilePiece {
    return { fd: this.#handle.fd, position };
  }

  async #readSome(position: number, parts: readonly Uint8Array[]): Promise<number> {
    try {
      return (await this.#handle.readv(parts, position)).bytesRead;
    } catch (error) {
      throw accessError('read', this.path, error);
    }
  }

  /**
   * The parts of `range` that can hold data, ascending: without the holes, where the file is sparse and the system reports them.
   * @throws {ImageAccessError} the operating system cannot read it.
   */
  async *dataRanges(range: ByteRange): AsyncGenerator<ByteRange> {
    this.#dataQuery ??= this.isSparse ? this.#openDataQuery() : Promise.resolve(undefined);
    const ask = await this.#dataQuery;
    if (ask === undefined) yield range;
    else yield* dataRanges(range, ask);
  }

  async #openDataQuery(): Promise<AskForData | undefined> {
    const ask = await openDataQuery(this.#handle.fd, this.path);
    return ask !== undefined && (await knowsOfData(this, ask)) ? ask : undefined;
  }

  /**
   * Compares the file with what it was when it was opened. It is read through its open handle: that it was renamed or replaced
   * since changes nothing of what is read, and is a warning.
   * @throws {ImageChangedError} it was written to, or truncated. @throws {ImageAccessError} that cannot be found out, several times.
   */
  async assertUnchanged(): Promise<void> {
    const opened = await this.#look();
    const changes: string[] = [];
    if (Number(opened.size) !== this.size) changes.push(`its size went from ${this.size} to ${opened.size} bytes`);
    if (opened.mtimeNs !== this.#modifiedNs) {
      changes.push(`it was written to at ${new Date(Number(opened.mtimeMs)).toISOString()}`);
    }
    if (changes.length > 0) {
      throw new ImageChangedError(`${printable(this.path)} changed while it was being read: ${changes.join(', ')}.`);
    }
    if (!this.#hasWarned) await this.#warnIfMoved();
  }

  async #look(): Promise<BigIntStats> {
    for (let look = 1; ; look++) {
      try {
        return await this.#handle.stat({ bigint: true });
      } catch (error) {
        if (look === LOOKS) throw accessError('read', this.path, error);
        await delay(LOOK_INTERVAL_MS);
      }
    }
  }

  async #warnIfMoved(): Promise<void> {
    const atPath = await stat(this.path, { bigint: true }).catch((error: NodeJS.ErrnoException) => error);
    // Any other failure says nothing of the file: a share may be away for a moment.
    const isGone = atPath instanceof Error && atPath.code === 'ENOENT';
    const isReplaced = !(atPath instanceof Error) && idOf(atPath) !== this.#idAtPath;
    if (!isGone && !isReplaced) return;
    this.#hasWarned = true;
    const what = isGone ? 'was renamed, moved or deleted' : 'was replaced by another file';
    this.#onWarning({
      code: 'image-moved',
      message: `${printable(this.path)} ${what} while it is being read. What was opened is read to its end; to resume after a stop, put that file back.`,
    });
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function idOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function requireRegularFile(path: string, isFile: boolean): void {
  if (!isFile) throw new ImageAccessError(`Cannot open ${printable(path)}: it is not a regular file.`);
}

/** What is left of `parts` when their first `count` bytes are done. */
function withoutFirst(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  for (const part of parts) {
    if (count < part.length) rest.push(part.subarray(count));
    count = Math.max(0, count - part.length);
  }
  return rest;
}

function accessError(action: 'open' | 'read', path: string, cause: unknown): ImageAccessError {
  const { code } = cause as NodeJS.ErrnoException;
  const reason =
    code === 'ENOENT'
      ? 'there is no such file.'
      : code === 'EBUSY' || code === 'ETXTBSY'
        ? 'another process holds it, a running virtual machine perhaps. Shut the machine down, or use a copy or an export of the disk.'
        : code === 'EACCES' || code === 'EPERM'
          ? 'permission denied. On Windows, a running virtual machine that holds the disk looks the same: shut it down, or use an export of the disk.'
          : `${fileProblemReason(cause as Error)}.`;
  return new ImageAccessError(`Cannot ${action} ${printable(path)}: ${reason}`, { cause });
}
