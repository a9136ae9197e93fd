// ext2, ext3 and ext4 through libext2fs (npm ext2fs). Runs in a worker: on a damaged file system the library may abort or never end.
import { type ExtFileSystem, mount } from 'ext2fs';
import { type GuestEntry, type GuestFileSystem, MAX_GUEST_FILE, type ReadVolume } from './guest-protocol.ts';

const CHUNK = 64 * 1024;

/** The library opens for writing. Nothing is written: opening with O_NOATIME changes nothing, and it is never unmounted. */
function refuseWrite(): Promise<never> {
  return Promise.reject(new Error('The disk is only read.'));
}

/** @throws {Error} the library cannot use the file system. */
export async function openExt(readVolume: ReadVolume): Promise<GuestFileSystem> {
  const fileSystem = await mount({
    async read(buffer, bufferOffset, length, offset) {
      const bytes = await readVolume(offset, length);
      buffer.set(bytes, bufferOffset);
    },
    write: refuseWrite,
    discard: refuseWrite,
    flush: refuseWrite,
  });
  return { look: (path) => look(fileSystem, path) };
}

async function look(fileSystem: ExtFileSystem, path: string): Promise<GuestEntry> {
  const { promises, constants } = fileSystem;
  let file: number;
  try {
    file = await promises.open(path, constants.O_RDONLY | constants.O_NOATIME);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && (await isAbsent(fileSystem, path))) return { kind: 'absent' };
    throw error;
  }
  try {
    const stats = await promises.fstat(file);
    if (stats.isDirectory()) return { kind: 'directory', names: await promises.readdir(path) };
    if (!stats.isFile()) return { kind: 'other' };
    return { kind: 'file', size: stats.size, bytes: await readBeginning(fileSystem, file, stats.size) };
  } finally {
    await promises.close(file);
  }
}

/** The library answers ENOENT to any failure on the way. A path is absent when a folder on it says so, or when it is a link. */
async function isAbsent({ promises }: ExtFileSystem, path: string): Promise<boolean> {
  let folder = '';
  for (const name of path.split('/').slice(1)) {
    if (!(await promises.readdir(folder || '/')).includes(name)) return true;
    folder = `${folder}/${name}`;
    if ((await promises.lstat(folder)).isSymbolicLink()) return true;
  }
  return false;
}

async function readBeginning({ promises }: ExtFileSystem, file: number, size: number): Promise<Uint8Array> {
  const wanted = Math.min(size, MAX_GUEST_FILE);
  const bytes = new Uint8Array(wanted);
  const chunk = Buffer.alloc(CHUNK);
  let done = 0;
  while (done < wanted) {
    const { bytesRead } = await promises.read(file, chunk, 0, Math.min(CHUNK, wanted - done), done);
    if (bytesRead <= 0) break;
    bytes.set(chunk.subarray(0, bytesRead), done);
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
