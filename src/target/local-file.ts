// A local file as a target. It is sparse, and gets its name only when it is complete.
import { execFile } from 'node:child_process';
import { type FileHandle, link, lstat, rename, rm } from 'node:fs/promises';
import { dirname, resolve, win32 } from 'node:path';
import { promisify } from 'node:util';
import { explainFileProblem, FileRefusal, isFileProblem } from '../base/file-problem.ts';
import type { PageRun } from '../base/page-run.ts';
import { shownPath } from '../base/printable.ts';
import { createTemporary, removeLeftOvers, requireName, syncFolder } from '../base/side-file.ts';
import { codeOf } from '../base/thrown.ts';
import { whileHeld } from '../base/windows-file-retry.ts';
import { LocalFileError } from '../errors.ts';
import type { Capabilities, Lifecycle } from './lifecycle.ts';
import type { PageWriter } from './page-store.ts';

const TEMPORARY = 'partial';
/** Files of killed runs are removed after this long without a write, in milliseconds, because another run may be alive. */
const ABANDONED_AFTER_MS = 24 * 60 * 60_000;
const ANY_USER = 0o666;
/** The user always keeps read and write permission. */
const OWNER = 0o600;

export interface LocalFileOptions {
  /** Permissions, which the umask and the permissions of a replaced file restrict further. @default 0o666 */
  readonly mode?: number;
  /** Windows only: mark the file as sparse. On other systems every file can have holes. @default false */
  readonly sparse?: boolean;
}

/** Writes to a temporary file beside `path` and renames it at the end. A failure leaves nothing and never harms an existing file. */
export class LocalFile implements PageWriter, Lifecycle {
  readonly capabilities: Capabilities = {
    metadata: false,
    lease: false,
    exclusive: true,
    checksums: false,
    conditions: false,
    clear: false,
    read: true,
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
   * @param size - Length of the file in bytes. Ranges that are not written read as zeros.
   * @throws {LocalFileError} the file exists and `overwrite` is false, it is not a regular file, or the folder is not writable.
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

  /** Returns when the file has its name and survives a power failure. */
  async finish(): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#handle.close();
      if (this.#overwrite) {
        // Another program may have put a link or a device there meanwhile.
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

  /** Removes the temporary file. */
  async abandon(): Promise<undefined> {
    await this.#handle.close().catch(() => undefined);
    await whileHeld(() => rm(this.#temporary, { force: true })).catch(() => undefined);
  }
}

/** Undefined if there is no file. @throws {FileRefusal} it is a link, a folder or a device, or the name is not valid. */
async function existingFile(path: string): Promise<{ readonly mode: number } | undefined> {
  requireName(path);
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found?.isSymbolicLink() === true) {
    throw new FileRefusal('it is a symbolic link', 'Name the file that it points to, or another file.');
  }
  if (found?.isFile() === false) throw new FileRefusal('it is not a regular file', 'Name a file.');
  return found;
}

/** Unlike rename, link never replaces a file. Without hard links (FAT, some network shares), a check before the rename must suffice. */
async function renameIfAbsent(from: string, to: string): Promise<void> {
  try {
    await whileHeld(() => link(from, to));
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw error;
    if ((await existingFile(to)) !== undefined) throw exists();
    await whileHeld(() => rename(from, to));
    return;
  }
  // The file has its name. It is no failure if another program keeps the temporary name in use.
  await whileHeld(() => rm(from)).catch(() => undefined);
}

/** On Windows a file is sparse only if it is marked as such. Without the mark it merely takes more space. */
async function makeSparse(path: string): Promise<void> {
  if (process.platform !== 'win32') return;
  const mark = ['sparse', 'setflag', resolve(path)];
  await promisify(execFile)(fsutilOf(process.env), mark, { windowsHide: true }).catch(() => undefined);
}

/** The full path, because Windows would otherwise prefer a fsutil.exe in the current folder. */
export function fsutilOf(environment: NodeJS.ProcessEnv): string {
  return win32.join(environment['SystemRoot'] ?? 'C:\\Windows', 'System32', 'fsutil.exe');
}

function exists(): FileRefusal {
  return new FileRefusal('the file exists', 'Give --overwrite to replace it.');
}

function localFileError(path: string, error: unknown): unknown {
  if (!isFileProblem(error)) return error;
  const problem = codeOf(error) === 'EEXIST' ? exists() : error;
  return new LocalFileError(`Cannot write ${shownPath(path)}: ${explainFileProblem(problem)}`, { cause: error });
}
