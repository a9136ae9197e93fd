// The ranges in use: everything that the trees of free space do not contain, after these were checked against each other.
import type { ByteRange } from '../../../base/byte-range.ts';
import { UnreadableError } from '../opened-file-system.ts';
import { type FreeExtent, type FreeSpaceHeader, freeExtents, freeSizes, readFreeSpaceHeader } from './free-space.ts';
import type { XfsMetadata } from './metadata.ts';

/**
 * Ascending, with gaps between them. Reads all trees twice: nothing is yielded before all of them were checked.
 * @param size Of the volume, in bytes. What follows the file system is in use.
 * @throws {UnreadableError} before the first range, if the free space is damaged or contradicts the counters.
 */
export async function* usedRangesOf(metadata: XfsMetadata, size: number): AsyncGenerator<ByteRange> {
  await expectConsistent(metadata);
  const { blockSize, groupBlocks, groups } = metadata.superblock;
  let used = 0;
  for (let group = 0; group < groups; group++) {
    const header = await readFreeSpaceHeader(metadata, group);
    for await (const { start, count } of freeExtents(metadata, header)) {
      const free = (group * groupBlocks + start) * blockSize;
      if (free > used) yield { offset: used, length: free - used };
      used = free + count * blockSize;
    }
  }
  if (size > used) yield { offset: used, length: size - used };
}

/** The counter of the superblock has all free blocks, and those of the free lists and of the trees themselves. */
async function expectConsistent(metadata: XfsMetadata): Promise<void> {
  const { groups, freeBlocks } = metadata.superblock;
  let counted = 0;
  for (let group = 0; group < groups; group++) {
    const header = await readFreeSpaceHeader(metadata, group);
    counted += header.freeBlocks + header.reservedBlocks;
    await expectConsistentGroup(metadata, header);
  }
  if (counted !== freeBlocks) {
    throw new UnreadableError(`its groups have ${counted} free blocks, but its superblock counts ${freeBlocks}`);
  }
}

/** Both trees have the same extents, as many blocks as the header counts, and none of them in the log. */
async function expectConsistentGroup(metadata: XfsMetadata, header: FreeSpaceHeader): Promise<void> {
  const byBlock = new Sums();
  for await (const extent of freeExtents(metadata, header)) {
    if (isInLog(metadata, header.group, extent)) {
      throw new UnreadableError(`its group ${header.group} counts a part of the log as free`);
    }
    byBlock.add(extent);
  }
  const bySize = new Sums();
  for await (const extent of freeSizes(metadata, header)) bySize.add(extent);
  if (byBlock.text !== bySize.text) {
    throw new UnreadableError(`the two trees of free space of its group ${header.group} differ`);
  }
  if (byBlock.blocks !== header.freeBlocks || byBlock.longest !== header.longest) {
    throw new UnreadableError(
      `its group ${header.group} has ${byBlock.blocks} free blocks, but counts ${header.freeBlocks}`,
    );
  }
}

function isInLog({ superblock }: XfsMetadata, group: number, { start, count }: FreeExtent): boolean {
  const { logStart, logBlocks, groupStride } = superblock;
  if (logStart === 0 || Math.floor(logStart / groupStride) !== group) return false;
  const first = logStart % groupStride;
  return start < first + logBlocks && first < start + count;
}

/** An odd number, so that a change of a start changes the sum. */
const MIXER = 0x9e3779b1;

/** Sums that do not depend on the order of the extents. */
class Sums {
  blocks = 0;
  longest = 0;
  #extents = 0;
  #starts = 0;
  #mixed = 0;

  add({ start, count }: FreeExtent): void {
    this.blocks += count;
    this.longest = Math.max(this.longest, count);
    this.#extents++;
    this.#starts += start;
    this.#mixed = (this.#mixed + Math.imul(Math.imul(start + 1, MIXER), count + 1)) | 0;
  }

  get text(): string {
    return [this.blocks, this.longest, this.#extents, this.#starts, this.#mixed].join();
  }
}
