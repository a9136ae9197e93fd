// Reads ranges of the contents of a file.
import { alignUp } from '../../../base/byte-range.ts';
import { UnreadableError } from '../opened-file-system.ts';
import { XfsExtents } from './extents.ts';
import type { XfsInode } from './inode.ts';
import type { XfsMetadata } from './metadata.ts';
import { offsetOfBlock } from './superblock.ts';

/** In bytes. A caller that needs more reads it in parts. */
const MAX_READ = 64 * 1024 * 1024;

/** At most `length` bytes from `offset`, fewer at the end of the file. Holes and preallocated blocks are zeros. */
export async function readFileData(
  metadata: XfsMetadata,
  inode: XfsInode,
  offset: number,
  length: number,
): Promise<Buffer> {
  if (inode.isRealtime)
    throw new UnreadableError(`its inode ${inode.number} is on the realtime device, which is not read`);
  const wanted = Math.max(0, Math.min(length, inode.size - offset));
  if (wanted > MAX_READ) throw new UnreadableError(`more than ${MAX_READ} bytes of a file are needed at once`);
  const bytes = Buffer.alloc(wanted);
  if (wanted === 0) return bytes;
  const { superblock } = metadata;
  const { blockSize } = superblock;
  const end = offset + wanted;
  const lastBlock = alignUp(end, blockSize) / blockSize;
  for await (const extent of new XfsExtents(metadata, inode).between(Math.floor(offset / blockSize), lastBlock)) {
    if (extent.isUnwritten) continue;
    const extentStart = extent.start * blockSize;
    const from = Math.max(offset, extentStart);
    const to = Math.min(end, extentStart + extent.count * blockSize);
    const at = offsetOfBlock(superblock, extent.block) + (from - extentStart);
    await metadata.fill(at, bytes.subarray(from - offset, to - offset));
  }
  return bytes;
}
