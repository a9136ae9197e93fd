// Disks with real file systems, and the free space that is found in them.
import { copyFile, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SkipFree } from '../../src/base/skip-free.ts';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import { freeSpaceOf } from '../../src/volume/free-space/leave-out.ts';
import type { FreeSpace } from '../../src/volume/free-space/read-free-space.ts';
import { diskFolder, tool } from './guest-disk.ts';

const MIB = 1024 * 1024;

/** The free space of a raw disk. */
export async function freeSpaceOfFile(path: string, mode: SkipFree = 'all'): Promise<FreeSpace> {
  const warnings: { readonly code: string }[] = [];
  const image = await openDiskImage(path, { format: 'raw', onWarning: (warning) => warnings.push(warning) });
  try {
    return await freeSpaceOf(image, warnings, mode, new AbortController().signal);
  } finally {
    await image.close();
  }
}

export interface PlacedVolume {
  /** A file with the volume. */
  readonly path: string;
  /** Size of the partition in MiB. @default that of the file */
  readonly size?: number;
  /** In the form of sfdisk. @default Linux file system data */
  readonly type?: string;
}

/** A raw disk with a GPT, and the volumes in its partitions, the first at 1 MiB. */
export async function diskWith(...volumes: readonly PlacedVolume[]): Promise<string> {
  const path = join(await diskFolder(), 'disk.img');
  const sizes = await Promise.all(
    volumes.map(async ({ path: file, size }) => size ?? Math.ceil((await stat(file)).size / MIB)),
  );
  const file = await open(path, 'w');
  await file.truncate((2 + sizes.reduce((sum, size) => sum + size, 0)) * MIB);
  await file.close();
  let start = 1;
  const lines = volumes.map(({ type = 'L' }, index) => {
    const line = `start=${start * 2048}, size=${(sizes[index] ?? 0) * 2048}, type=${type}`;
    start += sizes[index] ?? 0;
    return line;
  });
  await tool('sfdisk', ['--quiet', path], `label: gpt\nfirst-lba: 34\n${lines.join('\n')}\n`);
  let at = 1;
  for (const [index, volume] of volumes.entries()) {
    const count = Math.min(sizes[index] ?? 0, Math.ceil((await stat(volume.path)).size / MIB));
    await tool('dd', [
      `if=${volume.path}`,
      `of=${path}`,
      'bs=1M',
      `seek=${at}`,
      `count=${count}`,
      'conv=notrunc,sparse',
      'status=none',
    ]);
    at += sizes[index] ?? 0;
  }
  return path;
}

/** A copy of a file in a folder of its own. */
export async function copyOf(path: string): Promise<string> {
  const copy = join(await diskFolder(), 'copy.img');
  await copyFile(path, copy);
  return copy;
}

/** Why the volumes are used as a whole; empty if their free space is known. */
export function reasonsOf({ volumes }: FreeSpace): string[] {
  return volumes.map(({ reason = '' }) => reason);
}
