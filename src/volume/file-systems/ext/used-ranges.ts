// The blocks that an ext file system uses, by its block bitmaps (Linux kernel, Documentation/filesystems/ext4/bitmaps.rst).
import { type ByteRange, endOf } from '../../../base/byte-range.ts';
import { RangeSet } from '../../../base/range-set.ts';
import { joinedRanges } from '../joined-ranges.ts';
import { UnreadableError } from '../opened-file-system.ts';
import { crc32c } from './checksums.ts';
import {
  descriptorBlocks,
  firstBlockOf,
  type GroupDescriptor,
  hasMetaGroups,
  hasSuperblock,
  inodeTableBlocks,
  readDescriptor,
} from './group-descriptors.ts';
import { requireEmptyJournal } from './journal.ts';
import type { Superblock } from './superblock.ts';
import type { ExtVolume } from './volume.ts';

/** 64 TiB, the largest disk of Azure, in groups of 128 MiB. */
const MAX_GROUPS = 524_288;

/**
 * Checks every bitmap first: its checksum, and its number of free clusters.
 * @throws {UnreadableError} before the first range, if anything is damaged or contradicts itself.
 */
export async function* extUsedRanges(volume: ExtVolume): AsyncGenerator<ByteRange> {
  const { superblock } = volume;
  const { groups } = superblock;
  await requireEmptyJournal(volume);
  if (groups > MAX_GROUPS) throw new UnreadableError(`it has ${groups} groups, and vhdup reads at most ${MAX_GROUPS}`);
  const metadata = await metadataBlocks(volume);
  let free = 0;
  for (let group = 0; group < groups; group++) {
    free += (await readDescriptor(volume, group)).freeClusters;
    await usedBits(volume, group, metadata);
  }
  if (free * superblock.blocksPerCluster !== superblock.freeBlocks) {
    throw new UnreadableError(
      `its superblock counts ${superblock.freeBlocks} free blocks, but its groups ${free * superblock.blocksPerCluster}`,
    );
  }
  yield* joinedRanges(allRuns(volume, metadata));
}

async function* allRuns(volume: ExtVolume, metadata: readonly ByteRange[]): AsyncGenerator<ByteRange> {
  const { superblock } = volume;
  const { blockSize, blocks, firstBlock, groups } = superblock;
  yield { offset: 0, length: firstBlock * blockSize };
  for (let group = 0; group < groups; group++)
    yield* runsOf(superblock, group, await usedBits(volume, group, metadata));
  // What follows the last block belongs to no one: it stays.
  yield { offset: blocks * blockSize, length: volume.size - blocks * blockSize };
}

/** Superblocks, descriptors, bitmaps and inodes of all groups: ranges of blocks, ascending. */
async function metadataBlocks(volume: ExtVolume): Promise<readonly ByteRange[]> {
  const { superblock } = volume;
  const lists: ByteRange[][] = [[], [], [], []];
  const tableLength = inodeTableBlocks(superblock);
  const add = (list: number, offset: number, length: number) => {
    const ranges = lists[list] ?? [];
    const last = ranges.at(-1);
    if (last !== undefined && endOf(last) === offset) ranges[ranges.length - 1] = joined(last, length);
    else if (length > 0) ranges.push({ offset, length });
  };
  for (let group = 0; group < superblock.groups; group++) {
    const { blockBitmap, inodeBitmap, inodeTable } = await readDescriptor(volume, group);
    add(0, firstBlockOf(superblock, group), copiesIn(superblock, group));
    add(1, blockBitmap, 1);
    add(2, inodeBitmap, 1);
    add(3, inodeTable, tableLength);
  }
  const sorted = lists.flat().sort((one, other) => one.offset - other.offset);
  // Ascending ranges are added at the end of the set.
  return new RangeSet(sorted).ranges;
}

function joined({ offset, length }: ByteRange, more: number): ByteRange {
  return { offset, length: length + more };
}

/** Blocks at the beginning of a group that hold copies of the superblock and of descriptors. */
function copiesIn(superblock: Superblock, group: number): number {
  const { blockSize, descriptorSize, firstBlock, firstMetaBlock, reservedDescriptorBlocks } = superblock;
  const perBlock = blockSize / descriptorSize;
  // With blocks of 1 KiB and bigalloc, block 0 is before the superblock in group 0.
  const ahead = group === 0 && blockSize === 1024 && firstBlock === 0 ? 1 : 0;
  const own = hasSuperblock(superblock, group) ? 1 : 0;
  if (!hasMetaGroups(superblock) || group < firstMetaBlock * perBlock) {
    const descriptors = hasMetaGroups(superblock) ? firstMetaBlock : descriptorBlocks(superblock);
    return own === 0 ? 0 : ahead + own + descriptors + reservedDescriptorBlocks;
  }
  const place = group % perBlock;
  return ahead + own + (place <= 1 || place === perBlock - 1 ? 1 : 0);
}

/** One bit per cluster of a group. @throws {UnreadableError} the bitmap is damaged. */
async function usedBits(volume: ExtVolume, group: number, metadata: readonly ByteRange[]): Promise<Buffer> {
  const { superblock } = volume;
  const descriptor = await readDescriptor(volume, group);
  const bits = await storedBits(volume, group, descriptor);
  const first = firstBlockOf(superblock, group);
  const clusters = clustersIn(superblock, group);
  const end = first + clusters * superblock.blocksPerCluster;
  for (let index = firstEndingAfter(metadata, first); ; index++) {
    const range = metadata[index];
    if (range === undefined || range.offset >= end) break;
    const from = Math.floor((Math.max(range.offset, first) - first) / superblock.blocksPerCluster);
    const to = Math.ceil((Math.min(endOf(range), end) - first) / superblock.blocksPerCluster);
    for (let bit = from; bit < to; bit++) bits[bit >> 3] = (bits[bit >> 3] ?? 0) | (1 << (bit & 7));
  }
  let free = 0;
  for (let bit = 0; bit < clusters; bit++) free += isSet(bits, bit) ? 0 : 1;
  if (free !== descriptor.freeClusters) {
    const counted = `its descriptor counts ${descriptor.freeClusters} free clusters, but its bitmap has ${free}`;
    throw new UnreadableError(`group ${group} contradicts itself: ${counted}`);
  }
  return bits;
}

/** A copy of the bitmap of a group. A bitmap that was never written is all zeros. */
async function storedBits(volume: ExtVolume, group: number, descriptor: GroupDescriptor): Promise<Buffer> {
  const { superblock } = volume;
  const length = superblock.blocksPerGroup / superblock.blocksPerCluster / 8;
  if (!descriptor.hasBitmap) return Buffer.alloc(length);
  const what = `the block bitmap of group ${group}`;
  const bits = (await volume.block(descriptor.blockBitmap, what)).subarray(0, length);
  if (volume.hasChecksums) {
    const mask = superblock.descriptorSize >= 64 ? 0xffffffff : 0xffff;
    const found = (crc32c(superblock.checksumSeed, bits) & mask) >>> 0;
    if (found !== descriptor.bitmapChecksum) throw new UnreadableError(`the checksum of ${what} is wrong`);
  }
  return Buffer.from(bits);
}

function clustersIn(superblock: Superblock, group: number): number {
  const { blocks, blocksPerGroup, blocksPerCluster } = superblock;
  const length = Math.min(blocksPerGroup, blocks - firstBlockOf(superblock, group));
  return Math.ceil(length / blocksPerCluster);
}

/** The used clusters of a group, as ranges of bytes. */
function* runsOf(superblock: Superblock, group: number, bits: Buffer): Generator<ByteRange> {
  const { blockSize, blocks, blocksPerCluster } = superblock;
  const first = firstBlockOf(superblock, group);
  const clusters = clustersIn(superblock, group);
  for (let bit = 0; bit < clusters; bit++) {
    if (!isSet(bits, bit)) continue;
    let end = bit + 1;
    while (end < clusters && isSet(bits, end)) end++;
    const from = first + bit * blocksPerCluster;
    const to = Math.min(first + end * blocksPerCluster, blocks);
    yield { offset: from * blockSize, length: (to - from) * blockSize };
    bit = end;
  }
}

function isSet(bits: Buffer, bit: number): boolean {
  return (((bits[bit >> 3] ?? 0) >> (bit & 7)) & 1) !== 0;
}

/** Index of the first range that ends after `block`. */
function firstEndingAfter(ranges: readonly ByteRange[], block: number): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range !== undefined && endOf(range) <= block) low = middle + 1;
    else high = middle;
  }
  return low;
}
