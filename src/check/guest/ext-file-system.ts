// ext2, ext3 and ext4 through libext2fs (npm ext2fs). Runs in a worker: on a damaged file system the library may abort or never end.
import { type ExtFileHandle, type ExtFileSystem, mount } from 'ext2fs';
import { unreadableBecause } from './ext-features.ts';
import { type GuestEntry, type GuestFileSystem, MAX_GUEST_FILE, type ReadVolume } from './guest-protocol.ts';

const CHUNK = 64 * 1024;

/** The library opens for writing. Nothing is written: opening with O_NOATIME changes nothing, and it is never unmounted. */
function refuseWrite(): Promise<never> {
  return Promise.reject(new Error('The disk is only read.'));
}

const SUPERBLOCK = 1024;

/** @throws {Error} the library cannot use the file system. */
export async function openExt(readVolume: ReadVolume): Promise<GuestFileSystem> {
  const problem = unreadableBecause(Buffer.from(await readVolume(SUPERBLOCK, SUPERBLOCK)));
  if (problem !== undefined) throw new Error(problem);
  const fileSystem = await open(readVolume);
  return { look: (path) => look(fileSystem, path) };
}

async function open(readVolume: ReadVolume): Promise<ExtFileSystem> {
  try {
    return await mountReadOnly(readVolume);
  } catch (error) {
    // "node_ext2fs_mount UNKNOWN (2133571465)" says nothing to anybody but the library.
    const code = /\((\d+)\)/.exec(error instanceof Error ? error.message : '')?.[1];
    throw new Error(
      `libext2fs cannot open it${code === undefined ? '' : ` (error ${code})`}: it is damaged, or has a feature that the library does not support`,
      { cause: error },
    );
  }
}

function mountReadOnly(readVolume: ReadVolume): Promise<ExtFileSystem> {
  return mount({
    async read(buffer, bufferOffset, length, offset) {
      const bytes = await readVolume(offset, length);
      buffer.set(bytes, bufferOffset);
    },
    write: refuseWrite,
    discard: refuseWrite,
    flush: refuseWrite,
  });
}

async function look(fileSystem: ExtFileSystem, path: string): Promise<GuestEntry> {
  const { promises, constants } = fileSystem;
  let file: ExtFileHandle;
  try {
    // Never closed: the library would write the inode, and the worker ends soon.
    file = await promises.open(path, constants.O_RDONLY | constants.O_NOATIME);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && (await isAbsent(fileSystem, path))) return { kind: 'absent' };
    throw error;
  }
  const stats = await file.stat();
  if (stats.isDirectory()) return { kind: 'directory', names: await promises.readdir(path) };
  if (!stats.isFile()) return { kind: 'other' };
  return { kind: 'file', size: stats.size, bytes: await readBeginning(file, stats.size) };
}

/**
 * The library answers ENOENT to any failure on the way. A path is absent when a folder on it says so, when a file is in
 * its way, or when it is itself a link: to nowhere, as `/dev/null` is, or to another file system.
 */
async function isAbsent({ promises }: ExtFileSystem, path: string): Promise<boolean> {
  let folder = '';
  for (const name of path.split('/').slice(1)) {
    if (!(await promises.readdir(folder || '/')).includes(name)) return true;
    folder = `${folder}/${name}`;
    const stats = await promises.lstat(folder);
    if (stats.isFile() || (stats.isSymbolicLink() && folder === path)) return true;
  }
  return false;
}

async function readBeginning(file: ExtFileHandle, size: number): Promise<Uint8Array> {
  const wanted = Math.min(size, MAX_GUEST_FILE);
  const bytes = new Uint8Array(wanted);
  const chunk = Buffer.alloc(CHUNK);
  let done = 0;
  while (done < wanted) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(CHUNK, wanted - done), done);
    if (bytesRead <= 0) break;
    bytes.set(chunk.subarray(0, bytesRead), done);
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
