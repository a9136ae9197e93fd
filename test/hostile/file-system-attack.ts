// Reads a damaged file system in every way that a reader offers. Each must give a result or an UnreadableError.
import { createHash, type Hash } from 'node:crypto';
import { openerOf } from '../../src/volume/file-systems/open-file-system.ts';
import {
  type OpenedFileSystem,
  UnreadableError,
  type VolumeBytes,
} from '../../src/volume/file-systems/opened-file-system.ts';
import type { Attacked, Ending } from './attack.ts';

const MAX_ENTRIES = 200;
const MAX_CONTENT = 64 * 1024;

/** @throws what is not an UnreadableError: a fault of the reader. */
export async function attackFileSystem(type: string, bytes: Uint8Array): Promise<Attacked> {
  const startMs = performance.now();
  const ending = await readEverything(type, volumeOf(bytes));
  return { ending, slowest: { operation: 'read files and free space', ms: performance.now() - startMs } };
}

async function readEverything(type: string, volume: VolumeBytes): Promise<Ending> {
  const open = openerOf(type);
  if (open === undefined) throw new Error(`There is no reader for ${type}.`);
  const hash = createHash('sha256');
  try {
    const files = await open(volume);
    await walk(files, hash);
    await attempt(hash, async () => {
      let last = -1;
      for await (const { offset, length } of files.usedRanges() ?? []) {
        if (offset <= last || length <= 0 || offset + length > volume.size)
          throw new Error(`A range at ${offset} is wrong.`);
        last = offset + length;
        hash.update(`${offset} ${length},`);
      }
    });
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { refusal: error };
  }
  return { checksum: hash.digest('hex') };
}

/** Breadth first, so that a folder in a circle cannot keep the rest from being read. */
async function walk(files: OpenedFileSystem, hash: Hash): Promise<void> {
  const paths = ['/'];
  for (let index = 0; index < Math.min(paths.length, MAX_ENTRIES); index++) {
    const path = paths[index] ?? '/';
    await attempt(hash, async () => {
      const entry = await files.stat(path);
      hash.update(`${path} ${entry?.kind} ${entry?.size};`);
      if (entry?.kind === 'link') hash.update(await files.readlink(path));
      if (entry?.kind === 'file') {
        const end = Math.max(0, entry.size - MAX_CONTENT);
        for (const at of new Set([0, end])) hash.update(await files.read(path, at, MAX_CONTENT));
      }
      if (entry?.kind !== 'folder') return;
      for (const name of await files.readdir(path)) paths.push(`${path === '/' ? '' : path}/${name}`);
    });
  }
}

async function attempt(hash: Hash, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    if (error.message.trim() === '') throw new Error('An error without a reason.', { cause: error });
    hash.update('unreadable;');
  }
}

function volumeOf(bytes: Uint8Array): VolumeBytes {
  return {
    size: bytes.length,
    read({ offset, length }, into) {
      const isInside = Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= bytes.length;
      if (!isInside || into.length !== length) throw new RangeError(`Read of ${length} bytes at ${offset}.`);
      into.set(bytes.subarray(offset, offset + length));
      return Promise.resolve();
    },
  };
}
