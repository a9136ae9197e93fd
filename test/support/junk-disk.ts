// A disk with an ext4 whose free blocks are full of old data, made without mounting anything.
import { open, readFile } from 'node:fs/promises';
import type { RangeMap } from '../../src/base/range-map.ts';
import { freeSpaceOfFile } from './free-space.ts';
import { writeDisk } from './guest-disk.ts';

const MIB = 1024 * 1024;

export interface JunkDisk {
  /** A raw disk. */
  readonly path: string;
  readonly free: RangeMap;
  /** The disk as it is without its free space. */
  readonly clean: Buffer;
}

/** @param path Where to write the disk. @param size Of the partition in MiB. */
export async function junkDisk(path: string, size = 24): Promise<JunkDisk> {
  const files = { '/etc/hostname': 'web01\n', '/data': 'kept '.repeat(200_000) };
  await writeDisk(path, { table: 'gpt', partitions: [{ size, type: 'L', fileSystem: 'ext4', files }] });
  const { map } = await freeSpaceOfFile(path);
  const clean = await readFile(path);
  for (const { offset, length } of map.ranges()) clean.fill(0, offset, offset + length);
  const file = await open(path, 'r+');
  try {
    for (const { offset, length } of map.ranges()) await file.write(Buffer.alloc(length, 'old'), 0, length, offset);
  } finally {
    await file.close();
  }
  if (map.bytes < (size * MIB) / 3) throw new Error('The disk has too little free space.');
  return { path, free: map, clean };
}
