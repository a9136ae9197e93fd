// The files that vhdup creates: exclusively, never through links, only regular files, with names that fit.
import { createHash, randomBytes } from 'node:crypto';
import { constants, type FileHandle, lstat, open, opendir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { FileRefusal } from './file-problem.ts';
import { codeOf } from './thrown.ts';
import { whileHeld } from './windows-file-retry.ts';
import { windowsNameProblem } from './windows-names.ts';

/** Only the owner may read the file: it must not be more accessible than the image. */
export const PRIVATE_MODE = 0o600;

// Windows has neither flag.
const NO_LINKS = constants.O_NOFOLLOW ?? 0;
const NO_WAITING = constants.O_NONBLOCK ?? 0;
const NEW = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NO_LINKS;

/** Longest name of a file. Linux counts bytes; Windows and macOS count UTF-16 units, which are never more than the bytes. */
const MAX_NAME = 255;
/** Bytes kept of a shortened name. With the digest and every ending it fits in the 143 bytes of eCryptfs. */
const SHORT_BEGINNING = 56;
/** Smallest read, in bytes. */
const MIN_CHUNK = 4096;
const RANDOM = /^\.[\da-f]{12}$/;
const RANDOM_LENGTH = 13;

/**
 * The path of a file beside `path`: the same name plus `ending`. A name that is too long for the file system is shortened and ends
 * with a digest. An image keeps the name of its side file in every folder.
 * @param ending - ".vhdup.json"
 */
export async function sidePath(path: string, ending: string): Promise<string> {
  const whole = path + ending;
  return (await fits(whole)) ? whole : besideName(path, shortNameOf(basename(path))) + ending;
}

async function fits(path: string): Promise<boolean> {
  if (Buffer.byteLength(basename(path).normalize('NFC')) > MAX_NAME) return false;
  // Some file systems have a lower limit: eCryptfs 143 bytes.
  return await lstat(path).then(
    () => true,
    (error: unknown) => codeOf(error) !== 'ENAMETOOLONG',
  );
}

function besideName(path: string, name: string): string {
  return path.slice(0, path.length - basename(path).length) + name;
}

/** Names that are the same for the file system have the same digest. */
function shortNameOf(name: string): string {
  const ignoresCase = process.platform === 'win32' || process.platform === 'darwin';
  const composed = name.normalize('NFC');
  const digest = createHash('sha256').update(ignoresCase ? composed.toLowerCase() : composed);
  let beginning = '';
  for (const character of composed) {
    if (Buffer.byteLength(beginning + character) > SHORT_BEGINNING) break;
    beginning += character;
  }
  return `${beginning}~${digest.digest('hex').slice(0, 16)}`;
}

export interface OpenOptions {
  /** `follow` is only for files that the user names and that are only read. @default 'refuse' */
  readonly links?: 'follow' | 'refuse';
}

/**
 * Opens an existing file, without waiting for a FIFO and without opening a device.
 * @returns undefined if the file does not exist.
 * @throws {FileRefusal} if it is a symbolic link, a hard link to be written to, or not a regular file.
 * @throws the error of the operating system.
 */
export async function openExisting(
  path: string,
  access: 'read' | 'write' | 'append',
  { links = 'refuse' }: OpenOptions = {},
): Promise<FileHandle | undefined> {
  requireName(path);
  const how = { read: constants.O_RDONLY, write: constants.O_RDWR, append: constants.O_RDWR | constants.O_APPEND };
  let handle: FileHandle | undefined;
  try {
    // Checked before open: opening a device can have side effects.
    requireRegular(await (links === 'follow' ? stat(path) : lstat(path)));
    const flags = how[access] | NO_WAITING | (links === 'follow' ? 0 : NO_LINKS);
    handle = await whileHeld(() => open(path, flags));
    const opened = await handle.stat();
    requireRegular(opened);
    // A write would also change the other file, for example a backup.
    if (access !== 'read' && opened.nlink > 1) throw new FileRefusal('it is a hard link to another file');
    return handle;
  } catch (error) {
    await handle?.close();
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function requireRegular(stats: { isFile(): boolean; isSymbolicLink(): boolean }): void {
  if (stats.isSymbolicLink()) throw new FileRefusal('it is a symbolic link');
  if (!stats.isFile()) throw new FileRefusal('it is not a regular file');
}

/** @throws {FileRefusal} if no file can have this name. */
export function requireName(path: string, platform: NodeJS.Platform = process.platform): void {
  if (path === '') throw new FileRefusal('its path is empty');
  if (path.includes('\0')) throw new FileRefusal('its path contains a null character');
  const problem = platform === 'win32' ? windowsNameProblem(path) : undefined;
  if (problem !== undefined) throw new FileRefusal(problem);
}

/**
 * Reads a whole file.
 * @param maxBytes - Longer files were not written by vhdup.
 * @returns undefined if the file does not exist.
 * @throws {FileRefusal} if it is a link, not a regular file, or longer.
 * @throws the error of the operating system.
 */
export async function readSideFile(path: string, maxBytes: number): Promise<string | undefined> {
  const handle = await openExisting(path, 'read');
  if (handle === undefined) return undefined;
  try {
    return await textOf(handle, maxBytes);
  } finally {
    await handle.close();
  }
}

/** The text of an open file. @throws {FileRefusal} if it has more than `maxBytes`. */
export async function textOf(handle: FileHandle, maxBytes: number): Promise<string> {
  const tooLong = () => new FileRefusal(`it has more than ${maxBytes} bytes`);
  const { size } = await handle.stat();
  if (size > maxBytes) throw tooLong();
  const chunks: Buffer[] = [];
  let length = 0;
  while (length <= maxBytes) {
    // A file that reports a size of 0 may be endless, as some files in /proc are.
    const chunk = Buffer.alloc(Math.min(Math.max(size - length, MIN_CHUNK), maxBytes - length) + 1);
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, length);
    if (bytesRead === 0) return Buffer.concat(chunks).toString('utf8');
    chunks.push(chunk.subarray(0, bytesRead));
    length += bytesRead;
  }
  throw tooLong();
}

/** A text that changes if the file is replaced or written to. */
export async function versionOf(handle: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs } = await handle.stat({ bigint: true });
  return [dev, ino, size, mtimeNs].join(':');
}

/** Creates a new file. @throws EEXIST if the path exists, even as a dangling link. */
export async function createExclusive(path: string, mode: number, append = false): Promise<FileHandle> {
  requireName(path);
  return await whileHeld(() => open(path, append ? NEW | constants.O_APPEND : NEW, mode));
}

/** Creates a file with a random name beside `path`, to be renamed to it later. @param kind - "tmp" */
export async function createTemporary(
  path: string,
  kind: string,
  mode: number,
): Promise<{ readonly path: string; readonly handle: FileHandle }> {
  requireName(path);
  const temporary = await sidePath(path, `.${randomBytes(6).toString('hex')}.${kind}`);
  return { path: temporary, handle: await createExclusive(temporary, mode) };
}

/** The path of the temporary file of `path` with this name; undefined if `createTemporary` cannot have given it this name. */
export function temporaryPath(path: string, name: string, kind: string): string | undefined {
  if (!name.endsWith(`.${kind}`)) return undefined;
  const own = basename(path);
  const beginning = [own, shortNameOf(own)].find((known) => name.startsWith(`${known}.`));
  if (beginning === undefined) return undefined;
  return RANDOM.test(name.slice(beginning.length, -kind.length - 1)) ? besideName(path, name) : undefined;
}

/**
 * The path of a temporary file that was created with this name, also if the file that it is for has been renamed since, alone or together with it.
 * @param path - The present path of that file. @returns undefined if `createTemporary` cannot have given it this name.
 */
export async function renamedTemporaryPath(path: string, name: string, kind: string): Promise<string | undefined> {
  const random = name.slice(-kind.length - RANDOM_LENGTH - 1, -kind.length - 1);
  const isOwn = name.length > random.length + kind.length + 1 && RANDOM.test(random) && name.endsWith(`.${kind}`);
  if (!isOwn || /[\\/\0]/.test(name)) return undefined;
  const stored = besideName(path, name);
  const renamed = await sidePath(path, `${random}.${kind}`);
  return !(await isThere(stored)) && (await isThere(renamed)) ? renamed : stored;
}

/** Whether anything has this name. */
export async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Replaces the file at `path` atomically: at every moment the path has either the whole old text or the whole new text. Resolves
 * when the new text survives a power failure.
 * @returns the version of the new file, see `versionOf`.
 */
export async function replaceSideFile(path: string, text: string): Promise<string> {
  let version: string;
  const temporary = await createTemporary(path, 'tmp', PRIVATE_MODE);
  try {
    try {
      await temporary.handle.writeFile(text);
      await temporary.handle.sync();
      version = await versionOf(temporary.handle);
    } finally {
      await temporary.handle.close();
    }
    await whileHeld(() => rename(temporary.path, path));
  } catch (error) {
    await whileHeld(() => rm(temporary.path, { force: true })).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
  return version;
}

/** Makes a new name survive a power failure. Windows needs no such call: NTFS journals renames. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync a folder.
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(codeOf(error) ?? '')) throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Removes the temporary files that killed runs left beside `path`. Never fails, because these files do no harm.
 * @param untouchedMs - Minimum time since the last write, in milliseconds. Must not be 0 if other runs may be alive.
 */
export async function removeLeftOvers(path: string, kind: string, untouchedMs: number): Promise<void> {
  try {
    for await (const entry of await opendir(dirname(path))) {
      const temporary = temporaryPath(path, entry.name, kind);
      if (temporary !== undefined && entry.isFile()) await removeIfOwn(temporary, untouchedMs);
    }
  } catch {
    // The folder cannot be listed, or another program has the file open.
  }
}

async function removeIfOwn(path: string, untouchedMs: number): Promise<void> {
  const { uid, mtimeMs } = await lstat(path);
  if (process.getuid !== undefined && uid !== process.getuid()) return;
  // Date.now() has whole milliseconds, mtimeMs has fractions.
  if (Date.now() - Math.floor(mtimeMs) >= untouchedMs) await rm(path, { force: true });
}
