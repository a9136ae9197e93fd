// Inodes (Linux kernel, Documentation/filesystems/ext4/inodes.rst).
import { type FileEntry, UnreadableError } from '../opened-file-system.ts';
import { bytesOfNumber, crc32c } from './checksums.ts';
import { INCOMPATIBLE } from './features.ts';
import { readDescriptor } from './group-descriptors.ts';
import type { ExtVolume } from './volume.ts';

export const ROOT_INODE = 2;

/** The part of an inode that every revision has; extra fields and attributes follow. */
export const BASE_LENGTH = 128;
const CHECKSUM_LOW = 0x7c;
const CHECKSUM_HIGH = 0x82;
const EXTRA_LENGTH = 0x80;

const IS_INDEXED = 0x1000;
const HAS_EXTENTS = 0x80000;
const HAS_INLINE_DATA = 0x10000000;

const KINDS: Readonly<Record<number, FileEntry['kind']>> = { 16384: 'folder', 32768: 'file', 40960: 'link' };
/** Pipes, devices and sockets. */
const OTHER_KINDS: readonly number[] = [0x1000, 0x2000, 0x6000, 0xc000];

export interface Inode extends FileEntry {
  readonly number: number;
  readonly mode: number;
  /** All of its bytes, with extra fields and attributes. */
  readonly bytes: Buffer;
  /** The 60 bytes with the places of its blocks, or with the content itself. */
  readonly places: Buffer;
  readonly hasExtents: boolean;
  readonly hasInlineData: boolean;
  /** Of a folder: whether it has a hash tree. */
  readonly isIndexed: boolean;
  /** The start value of the checksums of its blocks. */
  readonly checksumSeed: number;
}

/** @throws {UnreadableError} it is damaged, or not in use. */
export async function readInode(volume: ExtVolume, number: number): Promise<Inode> {
  const { superblock } = volume;
  const { blockSize, inodeSize, inodesPerGroup, inodes } = superblock;
  if (number < 1 || number > inodes) {
    throw new UnreadableError(`a name refers to inode ${number}, but it has ${inodes}`);
  }
  const group = Math.floor((number - 1) / inodesPerGroup);
  const { inodeTable, hasInodes } = await readDescriptor(volume, group);
  if (!hasInodes) throw new UnreadableError(`a name refers to inode ${number}, which was never in use`);
  const offset = ((number - 1) % inodesPerGroup) * inodeSize;
  const block = await volume.block(inodeTable + Math.floor(offset / blockSize), `inode ${number}`);
  const bytes = block.subarray(offset % blockSize, (offset % blockSize) + inodeSize);
  const checksumSeed = crc32c(superblock.checksumSeed, bytesOfNumber(number), bytes.subarray(0x64, 0x68));
  if (volume.hasChecksums && !isChecksumRight(bytes, checksumSeed)) {
    throw new UnreadableError(`the checksum of inode ${number} is wrong`);
  }
  const mode = bytes.readUInt16LE(0);
  const kind = KINDS[mode & 0xf000] ?? (OTHER_KINDS.includes(mode & 0xf000) ? 'other' : undefined);
  if (kind === undefined || bytes.readUInt16LE(0x1a) === 0) {
    throw new UnreadableError(`a name refers to inode ${number}, which is not in use`);
  }
  const flags = bytes.readUInt32LE(0x20);
  return {
    number,
    kind,
    mode: mode & 0xfff,
    size: sizeOf(volume, bytes, kind),
    bytes,
    places: bytes.subarray(0x28, 0x64),
    hasExtents: (flags & HAS_EXTENTS) !== 0,
    hasInlineData: (flags & HAS_INLINE_DATA) !== 0,
    isIndexed: (flags & IS_INDEXED) !== 0,
    checksumSeed,
  };
}

/** The upper half of the size has another meaning in all but files and large folders. */
function sizeOf({ superblock }: ExtVolume, bytes: Buffer, kind: FileEntry['kind']): number {
  const low = bytes.readUInt32LE(0x4);
  const hasHigh = kind === 'file' || (kind === 'folder' && (superblock.incompatible & INCOMPATIBLE.largeFolders) !== 0);
  if (!hasHigh) return low;
  const size = low + bytes.readUInt32LE(0x6c) * 2 ** 32;
  if (!Number.isSafeInteger(size)) throw new UnreadableError(`a file in it has ${size} bytes`);
  return size;
}

/** The bytes of extra fields behind the first 128; 0 if they are not usable. */
export function extraLength(bytes: Buffer): number {
  if (bytes.length <= BASE_LENGTH) return 0;
  const length = bytes.readUInt16LE(EXTRA_LENGTH);
  return BASE_LENGTH + length > bytes.length ? 0 : length;
}

/** The checksum has 32 bits if the inode has a field for the upper half, otherwise 16. */
function isChecksumRight(bytes: Buffer, seed: number): boolean {
  const zeros = new Uint8Array(2);
  const state = crc32c(seed, bytes.subarray(0, CHECKSUM_LOW), zeros, bytes.subarray(CHECKSUM_LOW + 2, BASE_LENGTH));
  const low = bytes.readUInt16LE(CHECKSUM_LOW);
  if (bytes.length === BASE_LENGTH) return low === (state & 0xffff);
  if (BASE_LENGTH + bytes.readUInt16LE(EXTRA_LENGTH) < CHECKSUM_HIGH + 2) {
    return low === (crc32c(state, bytes.subarray(BASE_LENGTH)) & 0xffff);
  }
  const whole = crc32c(state, bytes.subarray(BASE_LENGTH, CHECKSUM_HIGH), zeros, bytes.subarray(CHECKSUM_HIGH + 2));
  return low + bytes.readUInt16LE(CHECKSUM_HIGH) * 2 ** 16 === whole;
}
