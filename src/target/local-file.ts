// A local file as a target: sparse while it is written, and under its own name only when it is whole.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { type FileHandle, link, open, rename, rm, stat } from 'node:fs/promises';
import { resolve, win32 } from 'node:path';
import { promisify } from 'node:util';
import type { PageRun } from '../base/page-run.ts';
import { isHeld, whileHeld } from '../base/windows-file-retry.ts';
import { LocalFileError } from '../errors.ts';
import type { Capabilities, Lifecycle } from './lifecycle.ts';
import type { PageWriter } from './page-store.ts';

/** Written beside `path` and renamed to it at the end: a failure leaves nothing, and never harms a file that is there. */
export class LocalFile implements PageWriter, Lifecycle {
  readonly capabilities: Capabilities = {
    metadata: false,
    lease: false,
    conditions: false,
    clear: false,
    startsAsZeros: true,
  };
  readonly path: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  readonly #overwrite: boolean;

  private constructor(path: string, temporary: string, handle: FileHandle, overwrite: boolean) {
    this.path = path;
    this.#temporary = temporary;
    this.#handle = handle;
    this.#overwrite = overwrite;
  }

  /**
   * @param size - Length of the file in bytes; what is not written reads as zeros.
   * @throws {LocalFileError} the file is there and `overwrite` is false, it is a folder or a device, or the folder cannot be written.
   */
  static async create(path: string, size: number, overwrite: boolean): Promise<LocalFile> {
    const there = await stat(path).catch(() => undefined);
    if (there !== undefined && !there.isFile()) {
      throw new LocalFileError(`Cannot write ${path}: what is there is not a file. Name a file.`);
    }
    if (there !== undefined && !overwrite) throw alreadyThere(path);
    const temporary = `${path}.${randomUUID().slice(0, 8)}.partial`;
    let handle: FileHandle | undefined;
    try {
      handle = await open(temporary, 'wx');
      await makeSparse(temporary);
      await handle.truncate(size);
      return new LocalFile(path, temporary, handle, overwrite);
    } catch (error) {
      await handle?.close();
      if (handle !== undefined) await rm(temporary, { force: true });
      throw localFileError(path, error);
    }
  }

  async write({ range, bytes }: PageRun): Promise<void> {
    try {
      let written = 0;
      while (written < bytes.length) {
        const { bytesWritten } = await this.#handle.write(
          bytes,
          written,
          bytes.length - written,
          range.offset + written,
        );
        written += bytesWritten;
      }
    } catch (error) {
      throw localFileError(this.path, error);
    }
  }

  /** Makes the file last, and gives it its name. */
  async finish(): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#handle.close();
      if (this.#overwrite) await whileHeld(() => rename(this.#temporary, this.path));
      else await renameIfAbsent(this.#temporary, this.path);
    } catch (error) {
      throw localFileError(this.path, error);
    }
  }

  /** Removes what was written. */
  async abandon(): Promise<undefined> {
    await this.#handle.close().catch(() => undefined);
    await whileHeld(() => rm(this.#temporary, { force: true })).catch(() => undefined);
  }
}

/** Unlike rename, link never replaces a file. Where there are no hard links (FAT, some network shares), the check before has to do. */
async function renameIfAbsent(from: string, to: string): Promise<void> {
  try {
    await whileHeld(() => link(from, to));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    await whileHeld(() => rename(from, to));
    return;
  }
  // The file has its name: a second one that somebody holds is no failure.
  await whileHeld(() => rm(from)).catch(() => undefined);
}

/** On Windows a file is sparse only when it is marked so; elsewhere every file can have holes. Without the mark it is only larger. */
async function makeSparse(path: string): Promise<void> {
  if (process.platform !== 'win32') return;
  const mark = ['sparse', 'setflag', resolve(path)];
  await promisify(execFile)(fsutilOf(process.env), mark, { windowsHide: true }).catch(() => undefined);
}

/** With its folder: by its name alone, Windows would first run a fsutil.exe of the current folder. */
export function fsutilOf(environment: NodeJS.ProcessEnv): string {
  return win32.join(environment['SystemRoot'] ?? 'C:\\Windows', 'System32', 'fsutil.exe');
}

function alreadyThere(path: string): LocalFileError {
  return new LocalFileError(`Cannot write ${path}: it is there already. Give --overwrite to replace it.`);
}

function localFileError(path: string, error: unknown): LocalFileError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EEXIST') return alreadyThere(path);
  if (code === 'ENOSPC') return new LocalFileError(`Cannot write ${path}: the disk is full.`, { cause: error });
  if (code === 'ENOENT') return new LocalFileError(`Cannot write ${path}: there is no such folder.`, { cause: error });
  const hint = isHeld(error) ? ' Permission is missing, or another program has the file open.' : '';
  return new LocalFileError(`Cannot write ${path}: ${message}.${hint}`, { cause: error });
}
