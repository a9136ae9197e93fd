// The entries of folders, in all their forms: in the inode, in one block, or in data blocks beside leaves and free indexes
// (xfs_da_format.h, struct xfs_dir2_sf_hdr, xfs_dir2_data_hdr, xfs_dir3_data_hdr, xfs_dir2_block_tail).
import { isUtf8 } from 'node:buffer';
import type { ByteRange } from '../../../base/byte-range.ts';
import { UnreadableError } from '../opened-file-system.ts';
import { type XfsExtent, XfsExtents } from './extents.ts';
import type { XfsInode } from './inode.ts';
import type { BlockKind, XfsMetadata } from './metadata.ts';
import { number64, offsetOfBlock } from './superblock.ts';

/** Leaves and free indexes are above this offset of a folder, in bytes. All its entries are below it. */
const END_OF_ENTRIES = 32 * 2 ** 30;
/** In bytes, of the data blocks that are read. 100,000 names of full length need 26 MiB. */
const MAX_ENTRY_BYTES = 64 * 1024 * 1024;
const UNUSED = 0xffff;

const DATA_BLOCK: BlockKind = {
  name: 'block of a folder',
  magicsOfV4: ['XD2B', 'XD2D'],
  magicsOfV5: ['XDB3', 'XDD3'],
  checksumAt: 4,
  addressAt: 8,
  uuidAt: 24,
  ownerAt: 40,
  ownerLength: 8,
};
/** Blocks that hold the whole folder: leaves and a tail follow the entries. */
const WHOLE_FOLDER = ['XD2B', 'XDB3'];

export interface XfsEntry {
  readonly name: string;
  readonly inode: number;
}

/** The entries of a folder without `.` and `..`, in the order of the disk. @throws {UnreadableError} */
export async function* entriesOf(metadata: XfsMetadata, folder: XfsInode): AsyncGenerator<XfsEntry> {
  if (folder.format === 'local') {
    yield* shortEntries(metadata, folder);
    return;
  }
  const { blockSize, folderBlocks } = metadata.superblock;
  let bytesRead = 0;
  for await (const pieces of folderBlocksOf(metadata, folder)) {
    bytesRead += blockSize * folderBlocks;
    if (bytesRead > MAX_ENTRY_BYTES) {
      throw new UnreadableError(`its folder with the inode ${folder.number} has more than ${MAX_ENTRY_BYTES} bytes`);
    }
    yield* blockEntries(metadata, folder, await metadata.block(pieces, DATA_BLOCK, folder.number));
  }
}

/** The places of each data block: its blocks of the file system need not be adjacent. */
async function* folderBlocksOf(metadata: XfsMetadata, folder: XfsInode): AsyncGenerator<ByteRange[]> {
  const { superblock } = metadata;
  const { blockSize, folderBlocks } = superblock;
  let pieces: ByteRange[] = [];
  let next = 0;
  for await (const extent of new XfsExtents(metadata, folder).between(0, END_OF_ENTRIES / blockSize)) {
    if (extent.isUnwritten || (pieces.length > 0 ? extent.start !== next : extent.start % folderBlocks !== 0)) {
      throw holeIn(folder);
    }
    for (const block of blocksOf(extent)) {
      pieces.push({ offset: offsetOfBlock(superblock, block), length: blockSize });
      if (pieces.length < folderBlocks) continue;
      yield pieces;
      pieces = [];
    }
    next = extent.start + extent.count;
  }
  if (pieces.length > 0) throw holeIn(folder);
}

function* blocksOf({ block, count }: XfsExtent): Generator<number> {
  for (let index = 0; index < count; index++) yield block + index;
}

function holeIn(folder: XfsInode): UnreadableError {
  return new UnreadableError(`its folder with the inode ${folder.number} has a hole in a block`);
}

function* blockEntries(metadata: XfsMetadata, folder: XfsInode, block: Buffer): Generator<XfsEntry> {
  const { hasChecksums, hasFileTypes } = metadata.superblock.features;
  const fail = (at: number) =>
    new UnreadableError(`its folder with the inode ${folder.number} has a damaged entry at ${at} of a block`);
  const end = WHOLE_FOLDER.includes(block.toString('latin1', 0, 4)) ? startOfLeaves(block, folder) : block.length;
  let at = hasChecksums ? 64 : 16;
  while (at < end) {
    if (end - at < 8) throw fail(at);
    if (block.readUInt16BE(at) === UNUSED) {
      const length = block.readUInt16BE(at + 2);
      if (length === 0 || length % 8 !== 0 || at + length > end) throw fail(at);
      at += length;
      continue;
    }
    if (end - at < 16) throw fail(at);
    const nameLength = block.readUInt8(at + 8);
    const length = Math.ceil((8 + 1 + nameLength + (hasFileTypes ? 1 : 0) + 2) / 8) * 8;
    // The last two bytes of an entry repeat its offset.
    if (at + length > end || block.readUInt16BE(at + length - 2) !== at) throw fail(at);
    const name = nameOf(block.subarray(at + 9, at + 9 + nameLength), folder);
    if (name !== '.' && name !== '..') yield { name, inode: number64(block, at, 'inode of an entry') };
    at += length;
  }
}

/** Before the tail (number of leaves, number of stale ones) are the leaves, 8 bytes each. */
function startOfLeaves(block: Buffer, folder: XfsInode): number {
  const start = block.length - 8 - 8 * block.readUInt32BE(block.length - 8);
  if (start < 16) throw new UnreadableError(`its folder with the inode ${folder.number} has a damaged tail`);
  return start;
}

function* shortEntries(metadata: XfsMetadata, folder: XfsInode): Generator<XfsEntry> {
  const { hasFileTypes } = metadata.superblock.features;
  const fail = () => new UnreadableError(`its folder with the inode ${folder.number} is damaged`);
  if (folder.size > folder.fork.length || folder.size < 6) throw fail();
  const fork = folder.fork.subarray(0, folder.size);
  const inodeLength = fork.readUInt8(1) > 0 ? 8 : 4;
  let at = 2 + inodeLength;
  for (let left = fork.readUInt8(0); left > 0; left--) {
    if (at + 3 > fork.length) throw fail();
    const nameEnd = at + 3 + fork.readUInt8(at);
    const inodeAt = nameEnd + (hasFileTypes ? 1 : 0);
    if (inodeAt + inodeLength > fork.length) throw fail();
    const inode = inodeLength === 8 ? number64(fork, inodeAt, 'inode of an entry') : fork.readUInt32BE(inodeAt);
    yield { name: nameOf(fork.subarray(at + 3, nameEnd), folder), inode };
    at = inodeAt + inodeLength;
  }
}

/** Names are bytes. Those that are not UTF-8 are read as Latin-1, so that each has a path. */
function nameOf(stored: Buffer, folder: XfsInode): string {
  if (stored.length === 0 || stored.includes(0) || stored.includes('/')) {
    throw new UnreadableError(`its folder with the inode ${folder.number} has a name that is not valid`);
  }
  return isUtf8(stored) ? stored.toString('utf8') : stored.toString('latin1');
}
