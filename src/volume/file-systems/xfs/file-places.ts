// Where a file lies whose blocks are certainly its own.
import { type ByteRange, endOf } from '../../../base/byte-range.ts';
import type { FilePlaces } from '../opened-file-system.ts';
import { XfsExtents } from './extents.ts';
import type { XfsInode } from './inode.ts';
import type { XfsMetadata } from './metadata.ts';
import { offsetOfBlock } from './superblock.ts';

/** A file in more pieces is not described. Swap files have a few. */
const MAX_PIECES = 10_000;

/**
 * Undefined if it has holes, or may share blocks. Only the checksums of version 5 show that the extents are right. Preallocated blocks
 * are included: the kernel writes to those of a swap file, and leaves them marked.
 * @throws {UnreadableError}
 */
export async function placesOfInode(metadata: XfsMetadata, inode: XfsInode): Promise<FilePlaces | undefined> {
  const { superblock } = metadata;
  if (!superblock.features.hasChecksums || inode.isRealtime || inode.mayShare) return undefined;
  if (inode.format !== 'extents' && inode.format !== 'tree') return undefined;
  const { blockSize } = superblock;
  const blocks = Math.ceil(inode.size / blockSize);
  const pieces: ByteRange[] = [];
  let next = 0;
  for await (const { start, count, block } of new XfsExtents(metadata, inode).between(0, blocks)) {
    if (start !== next || pieces.length === MAX_PIECES) return undefined;
    pieces.push({ offset: offsetOfBlock(superblock, block), length: count * blockSize });
    next = start + count;
  }
  const sorted = [...pieces].sort((one, other) => one.offset - other.offset);
  const isTwice = sorted.some((piece, index) => piece.offset < endOf(sorted[index - 1] ?? { offset: 0, length: 0 }));
  return next < blocks || isTwice ? undefined : { size: inode.size, pieces };
}
