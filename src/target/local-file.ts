// A local file as a target: sparse while it is written, and under its own name only when it is whole.
import { execFile } from 'node:child_process';
import { type FileHandle, link, lstat, rename, rm } from 'node:fs/promises';
import { dirname, resolve, win32 } from 'node:path';
import { promisify } from 'node:util';
import { explainFileProblem, FileRefusal, isFileProblem } from '../base/file-problem.ts';
import type { PageRun } from '../base/page-run.ts';
import { shownPath } from '../base/printable.ts';
import { createTemporary, removeLeftOvers, requireName, syncFolder } from '../base/side-file.ts';
import { whileHeld } from '../base/windows-file-retry.ts';
import { LocalFileError } from '../errors.ts';
import type { Capabilities, Lifecycle } from './lifecycle.ts';
import type { PageWriter } from './page-store.ts';

const TEMPORARY = 'partial';
/** What a killed run has left is removed when nobody has written to it for so long: another run may be alive. */
const ABANDONED_AFTER_MS = 24 * 60 * 60_000;
const ANY_USER = 0o666;
/** The file is the user's own, to write now and to read later. */
const OWNER = 0o600;

export interface LocalFileOptions {
  /** Permissions, which the umask and those of a replaced file narrow further. @default 0o666 */
  readonly mode?: number;
  /** Windows only: mark the file as sparse. Elsewhere each file can have holes. @default false */
  readonly sparse?: boolean;
}

/** Written beside `path` and renamed to it at the end: a failure leaves nothing, and never harms an existing file. */
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
   * @throws {LocalFileError} the file exists and `overwrite` is false, it is no regular file, or the folder cannot be written.
   */
  static async create(
    path: string,
    size: number,
    overwrite: boolean,
    { mode = ANY_USER, sparse = false }: LocalFileOptions = {},
  ): Promise<LocalFile> {
    let temporary: Awaited<ReturnType<typeof createTemporary>> | undefined;
    try {
      const existing = await existingFile(path);
      if (existing !== undefined && !overwrite) throw exists();
      await removeLeftOvers(path, TEMPORARY, ABANDONED_AFTER_MS);
      const allowed = mode & (existing?.mode ?? ANY_USER) & ANY_USER;
      temporary = await createTemporary(path, TEMPORARY, allowed | OWNER);
      if (sparse) await makeSparse(temporary.path);
      await temporary.handle.truncate(size);
      return new LocalFile(path, temporary.path, temporary.handle, overwrite);
    } catch (error) {
      await temporary?.handle.close();
      if (temporary !== undefined) await rm(temporary.path, { force: true });
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

  /** Returns when the file has its name, and a power failure cannot take it away any more. */
  async finish(): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#handle.close();
      if (this.#overwrite) {
        // What was put there meanwhile may be a link or a device.
        await existingFile(this.path);
        await whileHeld(() => rename(this.#temporary, this.path));
      } else {
        await renameIfAbsent(this.#temporary, this.path);
      }
      await syncFolder(dirname(this.path));
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

/** Undefined where there is none. @throws {FileRefusal} it is a link, a folder or a device, or no file can have this name. */
async function existingFile(path: string): Promise<{ readonly mode: number } | undefined> {
  requireName(path);
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found?.isSymbolicLink() === true) {
    throw new FileRefusal('it is a symbolic link', 'Name the file that it leads to, or another file.');
  }
  if (found?.isFile() === false) throw new FileRefusal('it is not a regular file', 'Name a file.');
  return found;
}

/** Unlike rename, link never replaces a file. Where there are no hard links (FAT, some network shares), the check before has to do. */
async function renameIfAbsent(from: string, to: string): Promise<void> {
  try {
    await whileHeld(() => link(from, to));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    if ((await existingFile(to)) !== undefined) throw exists();
    await whileHeld(() => rename(from, to));
    return;
  }
  // The file has its name: a second one that another program holds is no failure.
  await whileHeld(() => rm(from)).catch(() => undefined);
}

/** On Windows a file is sparse only when it is marked so. Without the mark it is only larger. */
async function makeSparse(path: string): Promise<void> {
  if (process.platform !== 'win32') return;
  const mark = ['sparse', 'setflag', resolve(path)];
  await promisify(execFile)(fsutilOf(process.env), mark, { windowsHide: true }).catch(() => undefined);
}

/** With its folder: by its name alone, Windows would first run a fsutil.exe of the current folder. */
export function fsutilOf(environment: NodeJS.ProcessEnv): string {
  return win32.join(environment['SystemRoot'] ?? 'C:\\Windows', 'System32', 'fsutil.exe');
}

function exists(): FileRefusal {
  return new FileRefusal('the file exists', 'Give --overwrite to replace it.');
}

function localFileError(path: string, error: unknown): unknown {
  if (!isFileProblem(error)) return error;
  const problem = (error as NodeJS.ErrnoException).code === 'EEXIST' ? exists() : error;
  return new LocalFileError(`Cannot write ${shownPath(path)}: ${explainFileProblem(problem)}`, { cause: error });
}
