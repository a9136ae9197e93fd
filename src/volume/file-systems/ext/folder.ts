// The names in a folder, read in the order of its blocks; the hash tree is skipped (Linux kernel, Documentation/filesystems/ext4/directory.rst).
import { isUtf8 } from 'node:buffer';
import { UnreadableError } from '../opened-file-system.ts';
import { mapBlock } from './block-map.ts';
import { crc32c } from './checksums.ts';
import { inlineData } from './content.ts';
import type { Inode } from './inode.ts';
import type { ExtVolume } from './volume.ts';

/** Bytes of a folder read at most: more than `MAX_NAMES` of the longest names. */
const MAX_FOLDER = 32 * 1024 * 1024;

const HEADER = 8;
/** The last entry of a block with a checksum: no inode, no name, and this type. */
const TAIL = 12;
const TAIL_TYPE = 0xde;

export interface FolderEntry {
  readonly name: string;
  readonly inode: number;
}

/** The names without `.` and `..`. @throws {UnreadableError} */
export async function* readFolder(volume: ExtVolume, folder: Inode): AsyncGenerator<FolderEntry> {
  const what = `the folder with inode ${folder.number}`;
  if (folder.hasInlineData) {
    const bytes = inlineData(folder);
    // Its parent's number takes 4 bytes; the names in the attribute begin anew.
    yield* entriesIn(bytes.subarray(4, folder.places.length), what);
    yield* entriesIn(bytes.subarray(folder.places.length), what);
    return;
  }
  const { blockSize } = volume.superblock;
  if (folder.size > MAX_FOLDER) throw new UnreadableError(`${what} has more than ${MAX_FOLDER} bytes`);
  const blocks = Math.ceil(folder.size / blockSize);
  for (let logical = 0; logical < blocks; ) {
    const { block, count } = await mapBlock(volume, folder, logical);
    if (block === undefined) throw new UnreadableError(`${what} is damaged: it has a hole`);
    const end = Math.min(blocks, logical + count);
    for (let index = 0; logical < end; index++, logical++) {
      const bytes = await volume.block(block + index, what);
      volume.requireChecksum(bytes, what, () => isChecksumRight(bytes, folder));
      yield* entriesIn(bytes, what);
    }
  }
}

function* entriesIn(bytes: Buffer, what: string): Generator<FolderEntry> {
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = entryLength(bytes.readUInt16LE(at + 4), bytes.length);
    const nameLength = bytes.readUInt8(at + 6);
    const inode = bytes.readUInt32LE(at);
    if (length < HEADER || length % 4 !== 0 || at + length > bytes.length || HEADER + nameLength > length) {
      throw new UnreadableError(`${what} is damaged`);
    }
    if (inode !== 0) {
      const name = nameOf(bytes.subarray(at + HEADER, at + HEADER + nameLength));
      if (name === '' || /[/\0]/.test(name)) throw new UnreadableError(`${what} is damaged: it has an impossible name`);
      if (name !== '.' && name !== '..') yield { name, inode };
    }
    at += length;
  }
}

/** Blocks of 64 KiB need 17 bits, so the two lowest bits stand for the highest. */
function entryLength(stored: number, blockSize: number): number {
  if (blockSize < 65536) return stored;
  if (stored === 0xffff || stored === 0) return 65536;
  return (stored & 0xfffc) | ((stored & 3) << 16);
}

/** Linux stores any bytes. Those that are not UTF-8 are read as Latin-1, so that each name stays different. */
export function nameOf(bytes: Buffer): string {
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');
}

/** A block of names ends with a checksum. One of the hash tree has its own behind the hashes, and may keep the end of the names that it replaced. */
function isChecksumRight(block: Buffer, folder: Inode): boolean {
  const tail = block.length - TAIL;
  const isRightTail =
    block.readUInt32LE(tail) === 0 &&
    block.readUInt16LE(tail + 4) === TAIL &&
    block.readUInt8(tail + 6) === 0 &&
    block.readUInt8(tail + 7) === TAIL_TYPE &&
    block.readUInt32LE(tail + 8) === crc32c(folder.checksumSeed, block.subarray(0, tail));
  return isRightTail || (folder.isIndexed && isTreeChecksumRight(block, folder.checksumSeed));
}

/** The root of a tree begins with `.` and `..`; other nodes with one entry that covers the block. */
function isTreeChecksumRight(block: Buffer, seed: number): boolean {
  const isRoot = block.readUInt16LE(4) === 12;
  const counts = isRoot ? 32 : 8;
  const [limit, count] = [block.readUInt16LE(counts), block.readUInt16LE(counts + 2)];
  const tail = counts + limit * 8;
  if (count > limit || tail + 8 > block.length) return false;
  const covered = [block.subarray(0, counts + count * 8), block.subarray(tail, tail + 4), new Uint8Array(4)];
  return block.readUInt32LE(tail + 4) === crc32c(seed, ...covered);
}
