// ext2, ext3 and ext4 through libext2fs (npm ext2fs). Runs in a worker, because the library may abort or hang on a damaged file system.
import { type ExtFileHandle, type ExtFileSystem, mount } from 'ext2fs';
import { codeOf, messageOf } from '../../base/thrown.ts';
import { unreadableBecause } from './ext-features.ts';
import { type GuestEntry, type GuestFileSystem, MAX_GUEST_FILE, type ReadVolume } from './guest-protocol.ts';

const CHUNK = 64 * 1024;

/** The library opens for writing, but vhdup never writes: O_NOATIME keeps opening from changing anything, and nothing is unmounted. */
function refuseWrite(): Promise<never> {
  return Promise.reject(new Error('The disk is read-only.'));
}

const SUPERBLOCK = 1024;

/** @throws {Error} the library cannot open the file system. */
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
    if (/OOM|out of memory/i.test(messageOf(error))) {
      throw new Error('libext2fs ran out of memory, because the file system is too large for it: Aborted(OOM)', {
        cause: error,
      });
    }
    // "node_ext2fs_mount UNKNOWN (2133571465)" means nothing to users; keep only the number.
    const code = /\((\d+)\)/.exec(messageOf(error))?.[1];
    throw new Error(
      `libext2fs cannot open it${code === undefined ? '' : ` (error ${code})`}: it is damaged or uses a feature that the library does not support`,
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
    // Never closed, because closing makes the library write the inode. The worker exits soon anyway.
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
 * The library reports ENOENT for any failure while it resolves a path. So a path counts as absent only if its parent folder
 * does not list it, if a file blocks it, or if it is itself a dangling link (such as one to `/dev/null`).
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
