// Which blocks of the volume hold a block of a file (Linux kernel, Documentation/filesystems/ext4/ifork.rst).
import { UnreadableError } from '../opened-file-system.ts';
import { crc32c } from './checksums.ts';
import type { Inode } from './inode.ts';
import type { ExtVolume } from './volume.ts';

/** Blocks of a file that follow one another. */
export interface Mapping {
  /** The first block in the volume; undefined for a hole, which reads as zeros. */
  readonly block: number | undefined;
  /** The first block, also if it was never written, and so reads as zeros. @default `block` */
  readonly reserved?: number;
  /** At least 1. A hole may be longer. */
  readonly count: number;
}

/** @param logical Index of a block in the file. @throws {UnreadableError} the map is damaged. */
export async function mapBlock(volume: ExtVolume, inode: Inode, logical: number): Promise<Mapping> {
  return inode.hasExtents ? await mapByExtents(volume, inode, logical) : await mapByPointers(volume, inode, logical);
}

const EXTENT_MAGIC = 0xf30a;
/** The kernel never builds more levels. */
const MAX_DEPTH = 5;
const RECORD = 12;
/** A longer extent is allocated, but was never written: it reads as zeros. */
const MAX_WRITTEN = 32768;
/** Files have at most 2^32 blocks. */
const END = 2 ** 32;

async function mapByExtents(volume: ExtVolume, inode: Inode, logical: number): Promise<Mapping> {
  const what = `the extents of inode ${inode.number}`;
  let node = inode.places;
  let depth: number | undefined;
  let end = END;
  for (;;) {
    requireExtents(node, depth, what);
    depth = node.readUInt16LE(6);
    const index = lastRecordUpTo(node, logical);
    const next = startOfRecord(node, index + 1) ?? end;
    if (next <= logical) throw new UnreadableError(`${what} are damaged: they are not in order`);
    end = Math.min(end, next);
    if (index < 0) return { block: undefined, count: end - logical };
    const at = RECORD * (index + 1);
    if (depth === 0) return mapInExtent(volume, node.subarray(at, at + RECORD), logical, end, what);
    const child = node.readUInt32LE(at + 4) + node.readUInt16LE(at + 8) * 2 ** 32;
    if (!volume.holds(child, 1)) throw new UnreadableError(`${what} are damaged: a node should be in block ${child}`);
    const block = await volume.block(child, what);
    volume.requireChecksum(block, what, () => isExtentChecksumRight(block, inode.checksumSeed));
    node = block;
  }
}

function mapInExtent(volume: ExtVolume, record: Buffer, logical: number, end: number, what: string): Mapping {
  const first = record.readUInt32LE(0);
  const stated = record.readUInt16LE(4);
  const isWritten = stated <= MAX_WRITTEN;
  const length = isWritten ? stated : stated - MAX_WRITTEN;
  const start = record.readUInt32LE(8) + record.readUInt16LE(6) * 2 ** 32;
  if (!volume.holds(start, length)) {
    throw new UnreadableError(`${what} are damaged: ${length} blocks should be in block ${start}`);
  }
  if (logical >= first + length) return { block: undefined, count: end - logical };
  const count = Math.min(first + length, end) - logical;
  const block = start + (logical - first);
  return isWritten ? { block, count } : { block: undefined, reserved: block, count };
}

function requireExtents(node: Buffer, parentDepth: number | undefined, what: string): void {
  const [magic, entries, limit, depth] = [0, 2, 4, 6].map((at) => node.readUInt16LE(at));
  const isRight =
    magic === EXTENT_MAGIC &&
    entries !== undefined &&
    limit !== undefined &&
    depth !== undefined &&
    entries <= limit &&
    RECORD * (limit + 1) <= node.length &&
    (parentDepth === undefined ? depth <= MAX_DEPTH : depth === parentDepth - 1 && entries > 0);
  if (!isRight) throw new UnreadableError(`${what} are damaged`);
}

/** Index of the last record that begins at or before `logical`; -1 if there is none. */
function lastRecordUpTo(node: Buffer, logical: number): number {
  let [low, high] = [0, node.readUInt16LE(2)];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((startOfRecord(node, middle) ?? 0) <= logical) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function startOfRecord(node: Buffer, index: number): number | undefined {
  return index < node.readUInt16LE(2) ? node.readUInt32LE(RECORD * (index + 1)) : undefined;
}

function isExtentChecksumRight(block: Buffer, seed: number): boolean {
  const tail = RECORD * (block.readUInt16LE(4) + 1);
  return tail + 4 <= block.length && block.readUInt32LE(tail) === crc32c(seed, block.subarray(0, tail));
}

/** Pointers in the inode; then one pointer each to blocks of pointers, of one, two and three levels. */
const DIRECT = 12;
const MAX_LEVELS = 3;

async function mapByPointers(volume: ExtVolume, inode: Inode, logical: number): Promise<Mapping> {
  if (logical < DIRECT) return runOfPointers(volume, inode, inode.places.subarray(0, 4 * DIRECT), logical);
  const perBlock = volume.superblock.blockSize / 4;
  let index = logical - DIRECT;
  for (let levels = 1; levels <= MAX_LEVELS; levels++) {
    if (index < perBlock ** levels) {
      const pointer = inode.places.readUInt32LE(4 * (DIRECT + levels - 1));
      return await mapByLevels(volume, inode, pointer, levels, index);
    }
    index -= perBlock ** levels;
  }
  throw new UnreadableError(`inode ${inode.number} is damaged: its size needs more than three levels of blocks`);
}

async function mapByLevels(
  volume: ExtVolume,
  inode: Inode,
  first: number,
  levels: number,
  index: number,
): Promise<Mapping> {
  const perBlock = volume.superblock.blockSize / 4;
  let pointer = first;
  for (let level = levels; ; level--) {
    const below = perBlock ** (level - 1);
    const inside = index % (below * perBlock);
    if (pointer === 0) return { block: undefined, count: below * perBlock - inside };
    requireBlock(volume, inode, pointer);
    const block = await volume.block(pointer, `the blocks of inode ${inode.number}`);
    if (level === 1) return runOfPointers(volume, inode, block, inside);
    pointer = block.readUInt32LE(4 * Math.floor(inside / below));
  }
}

/** The pointers from `index` on that lead to blocks behind one another, or to none. */
function runOfPointers(volume: ExtVolume, inode: Inode, pointers: Buffer, index: number): Mapping {
  const first = pointers.readUInt32LE(4 * index);
  let count = 1;
  while (
    4 * (index + count) < pointers.length &&
    pointers.readUInt32LE(4 * (index + count)) === (first === 0 ? 0 : first + count)
  ) {
    count++;
  }
  if (first === 0) return { block: undefined, count };
  requireBlock(volume, inode, first, count);
  return { block: first, count };
}

function requireBlock(volume: ExtVolume, inode: Inode, block: number, count = 1): void {
  if (volume.holds(block, count)) return;
  throw new UnreadableError(`inode ${inode.number} is damaged: a block of it should be block ${block}`);
}
