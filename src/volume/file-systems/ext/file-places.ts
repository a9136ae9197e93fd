// Where a file lies whose blocks are certainly its own.
import { type ByteRange, endOf } from '../../../base/byte-range.ts';
import type { FilePlaces } from '../opened-file-system.ts';
import { mapBlock } from './block-map.ts';
import type { Inode } from './inode.ts';
import type { ExtVolume } from './volume.ts';

/** A file in more pieces is not described. Swap files have some hundreds. */
const MAX_PIECES = 10_000;

/**
 * Undefined if it has holes. Only checksums (metadata_csum) show that the extents are right. Preallocated blocks are included: the
 * kernel writes to those of a swap file, and leaves them marked.
 * @throws {UnreadableError}
 */
export async function placesOfInode(volume: ExtVolume, inode: Inode): Promise<FilePlaces | undefined> {
  if (!volume.hasChecksums || !inode.hasExtents || inode.hasInlineData) return undefined;
  const { blockSize } = volume.superblock;
  const blocks = Math.ceil(inode.size / blockSize);
  const pieces: ByteRange[] = [];
  for (let logical = 0; logical < blocks; ) {
    const { block, reserved = block, count } = await mapBlock(volume, inode, logical);
    if (reserved === undefined || pieces.length === MAX_PIECES) return undefined;
    pieces.push({ offset: reserved * blockSize, length: count * blockSize });
    logical += count;
  }
  const sorted = [...pieces].sort((one, other) => one.offset - other.offset);
  const isTwice = sorted.some((piece, index) => piece.offset < endOf(sorted[index - 1] ?? { offset: 0, length: 0 }));
  return isTwice ? undefined : { size: inode.size, pieces };
}
