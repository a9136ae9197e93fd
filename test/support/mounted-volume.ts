// Makes file systems with the tools of Linux, fills them through a mount, and compares a reader with what a mount shows.
import { execFile, spawnSync } from 'node:child_process';
import { lstat, mkdir, mkdtemp, open, readdir, readFile, readlink, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished } from 'vitest';
import type { FileEntry, OpenedFileSystem, VolumeBytes } from '../../src/volume/file-systems/opened-file-system.ts';

const run = promisify(execFile);
const MIB = 1024 * 1024;

/** Why nothing can be mounted here; undefined if it can. */
export const NO_MOUNTS = (() => {
  const attempt = spawnSync('losetup', ['--find'], { encoding: 'utf8' });
  return attempt.status === 0 && process.getuid?.() === 0 ? undefined : 'mounting needs Linux, root and loop devices';
})();

/** An empty image in a folder that exists until the test ends. @param size In MiB. */
export async function newImage(size: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vhdup-volume-'));
  onTestFinished(async () => await rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'volume.img');
  await writeFile(path, '');
  await truncate(path, size * MIB);
  return path;
}

/** Runs `work` with the folder at which the image is mounted. @param options Of mount: `ro`, `noload`. */
export async function whileMounted<T>(
  image: string,
  options: readonly string[],
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = `${image}.mounted`;
  await mkdir(folder, { recursive: true });
  await run('mount', ['-o', ['loop', ...options].join(','), image, folder]);
  try {
    return await work(folder);
  } finally {
    await run('umount', [folder]);
  }
}

/** A shell script, which runs with `$1` as the folder of the mounted image. */
export async function fill(image: string, script: string): Promise<void> {
  await whileMounted(image, [], async (folder) => {
    await run('bash', ['-euc', `cd "$1"; ${script}`, 'fill', folder], { maxBuffer: MIB });
  });
}

/** The bytes of an image, which counts what is read. */
export interface CountingVolume extends VolumeBytes {
  readonly reads: number;
  readonly bytesRead: number;
}

export async function volumeInFile(path: string): Promise<CountingVolume> {
  const file = await open(path);
  onTestFinished(async () => await file.close());
  const { size } = await file.stat();
  const counts = { reads: 0, bytesRead: 0 };
  return {
    size,
    get reads() {
      return counts.reads;
    },
    get bytesRead() {
      return counts.bytesRead;
    },
    async read({ offset, length }, into) {
      if (offset < 0 || offset + length > size || into.length !== length)
        throw new RangeError(`read ${offset} ${length}`);
      counts.reads++;
      counts.bytesRead += length;
      await file.read(into, 0, length, offset);
    },
  };
}

/** Compares names, kinds, permissions, sizes, links and every byte. @returns the number of entries. */
export async function expectSameFiles(files: OpenedFileSystem, folder: string, path = ''): Promise<number> {
  const names = await readdir(join(folder, path));
  expect([...(await files.readdir(path || '/'))].sort(), path).toEqual(names.sort());
  let count = names.length;
  for (const name of names) {
    const inside = `${path}/${name}`;
    const [found, status] = [await files.stat(inside), await lstat(join(folder, inside))];
    const kind = kindOf(status);
    expect(found?.kind, inside).toBe(kind);
    if (found?.mode !== undefined) expect(found.mode, inside).toBe(status.mode & 0o7777);
    if (kind === 'folder') count += await expectSameFiles(files, folder, inside);
    else if (kind === 'link') expect(await files.readlink(inside)).toBe(await readlink(join(folder, inside)));
    else if (kind === 'file') await expectSameContent(files, inside, join(folder, inside), status.size);
  }
  return count;
}

function kindOf(status: Awaited<ReturnType<typeof lstat>>): FileEntry['kind'] {
  if (status.isDirectory()) return 'folder';
  if (status.isSymbolicLink()) return 'link';
  return status.isFile() ? 'file' : 'other';
}

/** Reads in parts, so that reads begin and end anywhere. Sparse files may be larger than memory. */
const PART = 777_777;
const MAX_COMPARED = 8 * MIB;

async function expectSameContent(files: OpenedFileSystem, inside: string, path: string, size: number): Promise<void> {
  expect((await files.stat(inside))?.size, inside).toBe(size);
  if (size <= MAX_COMPARED) {
    const expected = await readFile(path);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < size; at += PART) parts.push(await files.read(inside, at, PART));
    expect(Buffer.compare(Buffer.concat(parts), expected), inside).toBe(0);
    return;
  }
  const file = await open(path);
  try {
    for (const at of [0, Math.floor(size / 3), size - 1000]) {
      const expected = Buffer.alloc(Math.min(PART, size - at));
      await file.read(expected, 0, expected.length, at);
      expect(Buffer.compare(await files.read(inside, at, PART), expected), `${inside} at ${at}`).toBe(0);
    }
  } finally {
    await file.close();
  }
}
