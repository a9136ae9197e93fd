// ImageFile: an open image file with exact positional reads, which may run in parallel, and detection of changes.
import type { BigIntStats } from 'node:fs';
import { constants, type FileHandle, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ByteRange, FilePiece } from '../base/byte-range.ts';
import { fileProblemReason } from '../base/file-problem.ts';
import { printable } from '../base/printable.ts';
import { codeOf, messageOf } from '../base/thrown.ts';
import { CorruptImageError, ImageAccessError, ImageChangedError, UsageError } from '../errors.ts';
import { type AskForData, dataRanges, reportsDataCorrectly } from './data-ranges.ts';
import { openDataQuery } from './sparse-file.ts';

/** Attempts to stat a file that may be unavailable for a moment, such as on a share, and the pause between them in milliseconds. */
const STAT_ATTEMPTS = 4;
const STAT_INTERVAL_MS = 500;

/** A condition of an image that its owner should know and that does not prevent reading. */
export interface ImageWarning {
  /** Stable, kebab-case. */
  readonly code: string;
  readonly message: string;
}

export interface ImageFileOptions {
  /** Reads the holes of a sparse file as well, even if the system reports them. @default false */
  readonly readHoles?: boolean;
  /** Called for each warning, when opening and while reading. */
  readonly onWarning?: (warning: ImageWarning) => void;
}

/** A regular file, opened read-only. The caller who opens it closes it. */
export class ImageFile {
  readonly path: string;
  /** Length in bytes when the file was opened. */
  readonly size: number;
  /** Time of the last modification when the file was opened, in milliseconds. A whole second is exactly one. */
  readonly modifiedMs: number;
  /** Device and inode, equal for two paths to one file. If the file system has no inodes, the path. */
  readonly fileId: string;
  /** Whether the file uses less disk space than its length, because of holes or compression. */
  readonly isSparse: boolean;
  readonly #handle: FileHandle;
  #dataQuery: Promise<AskForData | undefined> | undefined;
  readonly #modifiedNs: bigint;
  /**
   * Device and inode from `stat` of the path, to compare with a later `stat` of the path only. On Windows, the handle may report
   * another device number in Node 22.12 to 22.16 and 24.0 to 24.1: github.com/libuv/libuv/pull/4698
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
    this.modifiedMs = millisecondsOf(opened);
    // On Windows, some network file systems report no inode. Without this, all of their files would look like one.
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
   * @throws {ImageAccessError} the file is absent, not a regular file, not permitted, or held exclusively by another process.
   */
  static async open(path: string, options: ImageFileOptions = {}): Promise<ImageFile> {
    if (path === '') throw new UsageError('The path of the image is empty. Give the path of an image file.');
    let handle: FileHandle | undefined;
    try {
      // Checked before opening, because opening a FIFO would block and opening a device can have effects.
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
   * Fills `into`, and then each of `more`, with the bytes from `position` on, usually in one system call.
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

  /** The place of `position`, for a read by another thread. */
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
   * The parts of `range` that can hold data, ascending. Excludes the holes of a sparse file if the system reports them.
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
    return ask !== undefined && (await reportsDataCorrectly(this, ask)) ? ask : undefined;
  }

  /**
   * Checks that the file has not changed since it was opened. Reads use the open handle, so a rename or a replacement does not
   * affect them and is only a warning.
   * @throws {ImageChangedError} the file was written to or truncated. @throws {ImageAccessError} repeated attempts to check it failed.
   */
  async assertUnchanged(): Promise<void> {
    const opened = await this.#stat();
    const changes: string[] = [];
    if (Number(opened.size) !== this.size) changes.push(`its size changed from ${this.size} to ${opened.size} bytes`);
    if (opened.mtimeNs !== this.#modifiedNs) {
      changes.push(`it was written to at ${new Date(Number(opened.mtimeMs)).toISOString()}`);
    }
    if (changes.length > 0) {
      throw new ImageChangedError(`${printable(this.path)} changed while it was being read: ${changes.join(', ')}.`);
    }
    if (!this.#hasWarned) await this.#warnIfMoved();
  }

  async #stat(): Promise<BigIntStats> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#handle.stat({ bigint: true });
      } catch (error) {
        if (attempt === STAT_ATTEMPTS) throw accessError('read', this.path, error);
        await delay(STAT_INTERVAL_MS);
      }
    }
  }

  async #warnIfMoved(): Promise<void> {
    const atPath = await stat(this.path, { bigint: true }).catch((error: unknown) => codeOf(error) ?? 'unknown');
    // Other failures are ignored, because a share may be unavailable for a moment.
    const isMissing = atPath === 'ENOENT';
    const isReplaced = typeof atPath !== 'string' && idOf(atPath) !== this.#idAtPath;
    if (!isMissing && !isReplaced) return;
    this.#hasWarned = true;
    const what = isMissing ? 'was renamed, moved or deleted' : 'was replaced by another file';
    this.#onWarning({
      code: 'image-moved',
      message: `${printable(this.path)} ${what} while it is being read. The opened file is read to its end. To resume after an interruption, restore the file at this path.`,
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

/** The rest of `parts` after their first `count` bytes. */
function withoutFirst(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  for (const part of parts) {
    if (count < part.length) rest.push(part.subarray(count));
    count = Math.max(0, count - part.length);
  }
  return rest;
}

function accessError(action: 'open' | 'read', path: string, cause: unknown): ImageAccessError {
  const code = codeOf(cause);
  const reason =
    code === 'ENOENT'
      ? 'there is no such file.'
      : code === 'EBUSY' || code === 'ETXTBSY'
        ? 'another process holds it open, possibly a running virtual machine. Shut the machine down, or use a copy or an export of the disk.'
        : code === 'EACCES' || code === 'EPERM'
          ? 'permission denied. On Windows, a running virtual machine that uses the disk causes the same error: shut it down, or use an export of the disk.'
          : `${cause instanceof Error ? fileProblemReason(cause) : messageOf(cause)}.`;
  return new ImageAccessError(`Cannot ${action} ${printable(path)}: ${reason}`, { cause });
}

/**
 * One time in a thousand begins a second by chance. It must not look like a time of a file system that keeps whole seconds only, which
 * equals others that are up to two seconds away (upload/identity.ts). So it is rounded up.
 */
function millisecondsOf({ mtimeMs, mtimeNs }: BigIntStats): number {
  const isWholeSecond = mtimeNs % 1_000_000_000n === 0n;
  return Number(mtimeMs) + (mtimeMs % 1000n === 0n && !isWholeSecond ? 1 : 0);
}
