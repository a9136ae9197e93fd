// The ranges in use: what the file system keeps for itself, and every copy of each extent of the extent tree.
import { type ByteRange, endOf, MIB } from '../../../base/byte-range.ts';
import { extentsFrom, openExtentTree } from './extent-tree.ts';
import type { BtrfsMetadata } from './metadata.ts';
import { SUPERBLOCK_LENGTH, SUPERBLOCKS } from './superblock.ts';

/** For boot loaders and the first superblock. Chunks of new file systems begin after it. */
const RESERVED = MIB;

/**
 * Ascending, with gaps between them. The extent tree is checked as a whole before the first range.
 * @param size Of the volume, in bytes. What follows the file system is in use.
 * @throws {UnreadableError} before the first range, if extents are damaged or contradict the counters.
 */
export async function* usedRangesOf(metadata: BtrfsMetadata, size: number): AsyncGenerator<ByteRange> {
  let pending: ByteRange = { offset: 0, length: 0 };
  for await (const range of ranges(metadata, size)) {
    if (range.offset <= endOf(pending)) {
      const end = Math.max(endOf(pending), endOf(range));
      pending = { offset: pending.offset, length: end - pending.offset };
      continue;
    }
    if (pending.length > 0) yield pending;
    pending = range;
  }
  if (pending.length > 0) yield pending;
}

/** Ascending, but those of chunks may overlap the others: old versions of mkfs.btrfs have a chunk at the beginning of the device. */
async function* ranges(metadata: BtrfsMetadata, size: number): AsyncGenerator<ByteRange> {
  const fixed = fixedRanges(metadata, size);
  let next = fixed.shift();
  for await (const range of copiesOfExtents(metadata)) {
    for (; next !== undefined && next.offset <= range.offset; next = fixed.shift()) yield next;
    yield range;
  }
  for (; next !== undefined; next = fixed.shift()) yield next;
}

function fixedRanges({ superblock }: BtrfsMetadata, size: number): ByteRange[] {
  const copies = SUPERBLOCKS.map((offset) => ({ offset, length: Math.min(SUPERBLOCK_LENGTH, size - offset) }));
  const { deviceBytes } = superblock;
  return [
    { offset: 0, length: Math.min(RESERVED, size) },
    ...copies,
    { offset: deviceBytes, length: size - deviceBytes },
  ]
    .filter(({ length }) => length > 0)
    .sort((one, other) => one.offset - other.offset);
}

/** In the order of their places on the device. A chunk with two copies is walked over twice. */
async function* copiesOfExtents(metadata: BtrfsMetadata): AsyncGenerator<ByteRange> {
  const tree = await openExtentTree(metadata);
  for (const { start, chunk } of metadata.chunks.places()) {
    for await (const { address, length } of extentsFrom(tree, chunk.start, chunk.start + chunk.length)) {
      yield { offset: start + (address - chunk.start), length };
    }
  }
}
