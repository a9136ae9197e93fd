// The files that vhdup makes: created exclusively, never through links, regular files only, with names that fit.
import { createHash, randomBytes } from 'node:crypto';
import { constants, type FileHandle, lstat, open, opendir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { FileRefusal } from './file-problem.ts';
import { whileHeld } from './windows-file-retry.ts';
import { windowsNameProblem } from './windows-names.ts';

/** For its owner alone: what vhdup remembers of an image is no wider than the image can be. */
export const PRIVATE_MODE = 0o600;

// Windows has neither of them.
const NO_LINKS = constants.O_NOFOLLOW ?? 0;
const NO_WAITING = constants.O_NONBLOCK ?? 0;
const NEW = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NO_LINKS;

/** Of one name in a folder: bytes on Linux, UTF-16 units on Windows and macOS, of which a name has no more than bytes. */
const MAX_NAME = 255;
/** Of the beginning of a shortened name: with its digest and all that follows it fits in the 143 bytes of eCryptfs. */
const SHORT_BEGINNING = 56;
/** In bytes. */
const MIN_CHUNK = 4096;
const RANDOM = /^\.[\da-f]{12}$/;

/**
 * The path of a file beside `path`: its name with `ending`, shortened with a digest where the file system cannot hold that.
 * The same image finds the same file again, in another folder too.
 * @param ending - ".vhdup.json"
 */
export async function sidePath(path: string, ending: string): Promise<string> {
  const whole = path + ending;
  return (await fits(whole)) ? whole : besideName(path, shortNameOf(basename(path))) + ending;
}

async function fits(path: string): Promise<boolean> {
  if (Buffer.byteLength(basename(path).normalize('NFC')) > MAX_NAME) return false;
  // Some file systems hold less: eCryptfs 143 bytes.
  const error = await lstat(path).then(
    () => undefined,
    (problem: NodeJS.ErrnoException) => problem,
  );
  return error?.code !== 'ENAMETOOLONG';
}

function besideName(path: string, name: string): string {
  return path.slice(0, path.length - basename(path).length) + name;
}

/** Names that the file system takes for one have one digest. */
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
  /** `follow` is for files that the user names to be read only. @default 'refuse' */
  readonly links?: 'follow' | 'refuse';
}

/**
 * Opens a file that exists, without waiting for a FIFO and without waking a device. Undefined where there is none.
 * @throws {FileRefusal} it is a symbolic link, a hard link to be written to, or not a regular file.
 * @throws what the operating system fails with.
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
    // Before open: opening a device can have effects.
    requireRegular(await (links === 'follow' ? stat(path) : lstat(path)));
    const flags = how[access] | NO_WAITING | (links === 'follow' ? 0 : NO_LINKS);
    handle = await whileHeld(() => open(path, flags));
    const opened = await handle.stat();
    requireRegular(opened);
    // Of backups, say: what is written into this file would be written into the other one.
    if (access !== 'read' && opened.nlink > 1) throw new FileRefusal('it is a hard link to another file');
    return handle;
  } catch (error) {
    await handle?.close();
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function requireRegular(stats: { isFile(): boolean; isSymbolicLink(): boolean }): void {
  if (stats.isSymbolicLink()) throw new FileRefusal('it is a symbolic link');
  if (!stats.isFile()) throw new FileRefusal('it is not a regular file');
}

/** @throws {FileRefusal} no file can have this name. */
export function requireName(path: string, platform: NodeJS.Platform = process.platform): void {
  if (path === '') throw new FileRefusal('its path is empty');
  if (path.includes('\0')) throw new FileRefusal('its path holds a null character');
  const problem = platform === 'win32' ? windowsNameProblem(path) : undefined;
  if (problem !== undefined) throw new FileRefusal(problem);
}

/**
 * The text of a whole file. Undefined where there is none.
 * @param maxBytes - Longer ones are not ours.
 * @throws {FileRefusal} it is a link, not a regular file, or longer. @throws what the operating system fails with.
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

/** The text of an open file. @throws {FileRefusal} it has more than `maxBytes`. */
export async function textOf(handle: FileHandle, maxBytes: number): Promise<string> {
  const tooLong = () => new FileRefusal(`it has more than ${maxBytes} bytes`);
  const { size } = await handle.stat();
  if (size > maxBytes) throw tooLong();
  const chunks: Buffer[] = [];
  let length = 0;
  while (length <= maxBytes) {
    // What says that it is empty may have no end: some files of /proc.
    const chunk = Buffer.alloc(Math.min(Math.max(size - length, MIN_CHUNK), maxBytes - length) + 1);
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, length);
    if (bytesRead === 0) return Buffer.concat(chunks).toString('utf8');
    chunks.push(chunk.subarray(0, bytesRead));
    length += bytesRead;
  }
  throw tooLong();
}

/** Differs when a path leads to another file, or somebody wrote to it. */
export async function versionOf(handle: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs } = await handle.stat({ bigint: true });
  return [dev, ino, size, mtimeNs].join(':');
}

/** Makes a file that does not exist. @throws EEXIST where one does, a link that leads nowhere included. */
export async function createExclusive(path: string, mode: number, append = false): Promise<FileHandle> {
  requireName(path);
  return await whileHeld(() => open(path, append ? NEW | constants.O_APPEND : NEW, mode));
}

/** A file of a random name beside `path`, which is renamed to it later. @param kind - "tmp" */
export async function createTemporary(
  path: string,
  kind: string,
  mode: number,
): Promise<{ readonly path: string; readonly handle: FileHandle }> {
  requireName(path);
  const temporary = await sidePath(path, `.${randomBytes(6).toString('hex')}.${kind}`);
  return { path: temporary, handle: await createExclusive(temporary, mode) };
}

/**
 * Replaces the file at `path`, and returns when a power failure cannot take the new text away any more: at every moment
 * there is either the old file or the new one, whole.
 * @returns its version, see `versionOf`.
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

/** Makes a new name last. Windows has no such call, and does not need it: NTFS journals renames. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync a folder.
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Removes the temporary files that killed runs have left beside `path`. Does not fail: they are only in the way.
 * @param untouchedMs - How long nobody may have written to them: where other runs may be alive, not 0.
 */
export async function removeLeftOvers(path: string, kind: string, untouchedMs: number): Promise<void> {
  try {
    const name = basename(path);
    const beginnings = [name, shortNameOf(name)];
    for await (const entry of await opendir(dirname(path))) {
      const beginning = beginnings.find((known) => entry.name.startsWith(`${known}.`));
      if (beginning === undefined || !entry.isFile() || !entry.name.endsWith(`.${kind}`)) continue;
      if (!RANDOM.test(entry.name.slice(beginning.length, -kind.length - 1))) continue;
      await removeIfOwn(besideName(path, entry.name), untouchedMs);
    }
  } catch {
    // The folder cannot be listed, or the file is held.
  }
}

async function removeIfOwn(path: string, untouchedMs: number): Promise<void> {
  const { uid, mtimeMs } = await lstat(path);
  if (process.getuid !== undefined && uid !== process.getuid()) return;
  if (Date.now() - mtimeMs >= untouchedMs) await rm(path, { force: true });
}
