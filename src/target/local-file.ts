// A local file as a target. It is sparse, and gets its name only when it is complete.
import { execFile } from 'node:child_process';
import { type FileHandle, link, lstat, rename, rm } from 'node:fs/promises';
import { basename, dirname, resolve, win32 } from 'node:path';
import { promisify } from 'node:util';
import { explainFileProblem, FileRefusal, isFileProblem } from '../base/file-problem.ts';
import type { PageRun } from '../base/page-run.ts';
import { printable, shownPath } from '../base/printable.ts';
import { createTemporary, openExisting, removeLeftOvers, renamedTemporaryPath, syncFolder } from '../base/side-file.ts';
import { codeOf } from '../base/thrown.ts';
import { whileHeld } from '../base/windows-file-retry.ts';
import { LocalFileError } from '../errors.ts';
import { existingFile, fileExists } from './existing-file.ts';
import type { Capabilities, Lifecycle } from './lifecycle.ts';
import type { PageWriter } from './page-store.ts';

const TEMPORARY = 'partial';
/** The ending of a temporary file that a later run may resume. Only its owner removes it. */
const RESUMABLE = 'download';
/** Files of killed runs are removed after this long without a write, in milliseconds, because another run may be alive. */
const ABANDONED_AFTER_MS = 24 * 60 * 60_000;
const WRONG_NAME = 'no temporary file has such a name';
const ABSENT = 'there is no such file';
const ANY_USER = 0o666;
/** The user always keeps read and write permission. */
const OWNER = 0o600;

export interface LocalFileOptions {
  /** Permissions, which the umask and the permissions of a replaced file restrict further. @default 0o666 */
  readonly mode?: number;
  /** Windows only: mark the file as sparse. On other systems every file can have holes. @default false */
  readonly sparse?: boolean;
  /** Another run may resume the file, so no run removes its temporary file as a remnant. @default false */
  readonly resumable?: boolean;
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
    { mode = ANY_USER, sparse = false, resumable = false }: LocalFileOptions = {},
  ): Promise<LocalFile> {
    let temporary: Awaited<ReturnType<typeof createTemporary>> | undefined;
    try {
      const existing = await existingFile(path);
      if (existing !== undefined && !overwrite) throw fileExists();
      await removeLeftOvers(path, TEMPORARY, ABANDONED_AFTER_MS);
      const allowed = mode & (existing?.mode ?? ANY_USER) & ANY_USER;
      temporary = await createTemporary(path, resumable ? RESUMABLE : TEMPORARY, allowed | OWNER);
      if (sparse) await makeSparse(temporary.path);
      await temporary.handle.truncate(size);
      return new LocalFile(path, temporary.path, temporary.handle, overwrite);
    } catch (error) {
      await temporary?.handle.close();
      if (temporary !== undefined) await rm(temporary.path, { force: true });
      throw localFileError(path, error);
    }
  }

  /**
   * Opens the temporary file of an earlier run, created with `resumable`.
   * @param name - Its `temporaryName`, as a checkpoint remembers it.
   * @throws {LocalFileError} as `create` does, and if there is no such temporary file.
   */
  static async reopen(path: string, name: string, overwrite: boolean): Promise<LocalFile> {
    try {
      const temporary = await LocalFile.temporaryOf(path, name);
      if (temporary === undefined) throw notResumable(name, WRONG_NAME);
      // A kill between the two steps of `renameIfAbsent` leaves both names. The file has not been reported as finished yet.
      if (await areSameFile(path, temporary)) await whileHeld(() => rm(path));
      if ((await existingFile(path)) !== undefined && !overwrite) throw fileExists();
      const handle = await openExisting(temporary, 'write');
      if (handle === undefined) throw notResumable(name, ABSENT);
      return new LocalFile(path, temporary, handle, overwrite);
    } catch (error) {
      throw localFileError(path, error);
    }
  }

  /** Removes the temporary file of an earlier run, if it exists. Parameters as of `reopen`. @throws {LocalFileError} */
  static async discard(path: string, name: string): Promise<void> {
    const temporary = await LocalFile.temporaryOf(path, name);
    if (temporary === undefined) throw localFileError(path, notResumable(name, WRONG_NAME));
    await whileHeld(() => rm(temporary, { force: true })).catch((error: unknown) => {
      throw localFileError(temporary, error);
    });
  }

  /** The path of the temporary file of an earlier run, which may be absent; undefined if none can have this name. Parameters as of `reopen`. */
  static temporaryOf(path: string, name: string): Promise<string | undefined> {
    return renamedTemporaryPath(path, name, RESUMABLE);
  }

  /** Name of the temporary file, without its folder. */
  get temporaryName(): string {
    return basename(this.#temporary);
  }

  write({ range, bytes }: PageRun): Promise<void> {
    return this.writeAt(range.offset, bytes);
  }

  async writeAt(position: number, bytes: Uint8Array): Promise<void> {
    await this.#do(async () => {
      let written = 0;
      while (written < bytes.length) {
        const rest = bytes.length - written;
        written += (await this.#handle.write(bytes, written, rest, position + written)).bytesWritten;
      }
    });
  }

  /** Fills `into`. @throws {LocalFileError} the file ends before. */
  async readAt(position: number, into: Uint8Array): Promise<void> {
    await this.#do(async () => {
      let read = 0;
      while (read < into.length) {
        const { bytesRead } = await this.#handle.read(into, read, into.length - read, position + read);
        if (bytesRead === 0) throw notResumable(this.temporaryName, `it ends at ${position + read}`);
        read += bytesRead;
      }
    });
  }

  async length(): Promise<number> {
    return await this.#do(async () => (await this.#handle.stat()).size);
  }

  /** Cuts or extends the file. What it gains reads as zeros. */
  async truncate(length: number): Promise<void> {
    await this.#do(() => this.#handle.truncate(length));
  }

  /** Resolves when all that was written survives a power failure. */
  async sync(): Promise<void> {
    await this.#do(() => this.#handle.sync());
  }

  /** The error for a temporary file that does not match its checkpoint. @param problem - "it must have 512 bytes, but has 0" */
  notResumable(problem: string): unknown {
    return localFileError(this.path, notResumable(this.temporaryName, problem));
  }

  async #do<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw localFileError(this.path, error);
    }
  }

  /** Returns when the file has its name and survives a power failure. */
  async finish(): Promise<void> {
    await this.sync();
    await this.#do(async () => {
      await this.#handle.close();
      if (this.#overwrite) {
        // Another program may have put a link or a device there meanwhile.
        await existingFile(this.path);
        await whileHeld(() => rename(this.#temporary, this.path));
      } else {
        await renameIfAbsent(this.#temporary, this.path);
      }
      await syncFolder(dirname(this.path));
    });
  }

  /** Closes the temporary file and leaves it for a later run. Does not fail. */
  async keep(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
  }

  /** Removes the temporary file. */
  async abandon(): Promise<undefined> {
    await this.#handle.close().catch(() => undefined);
    await whileHeld(() => rm(this.#temporary, { force: true })).catch(() => undefined);
  }
}

/** Whether both names exist and are those of one file. */
async function areSameFile(one: string, other: string): Promise<boolean> {
  // A file id of Windows does not fit in a number: two files could appear to be one.
  const ids = [one, other].map(async (path) => {
    const { dev, ino } = await lstat(path, { bigint: true });
    return `${dev}:${ino}`;
  });
  const [first, second] = await Promise.all(ids.map((id) => id.catch(() => undefined)));
  return first !== undefined && first === second;
}

/** Unlike rename, link never replaces a file. Without hard links (FAT, some network shares), a check before the rename must suffice. */
async function renameIfAbsent(from: string, to: string): Promise<void> {
  try {
    await whileHeld(() => link(from, to));
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw error;
    if ((await existingFile(to)) !== undefined) throw fileExists();
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

function notResumable(name: string, problem: string): FileRefusal {
  return new FileRefusal(
    `its temporary file ${printable(name)} cannot be resumed: ${problem}`,
    'Use --restart to start over.',
  );
}

function localFileError(path: string, error: unknown): unknown {
  if (!isFileProblem(error)) return error;
  const problem = codeOf(error) === 'EEXIST' ? fileExists() : error;
  return new LocalFileError(`Cannot write ${shownPath(path)}: ${explainFileProblem(problem)}`, { cause: error });
}
