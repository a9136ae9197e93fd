// The group descriptors: where the bitmaps and inodes of each block group are (Linux kernel, Documentation/filesystems/ext4/group_descr.rst).
import { UnreadableError } from '../opened-file-system.ts';
import { bytesOfNumber, crc16, crc32c } from './checksums.ts';
import { COMPATIBLE, INCOMPATIBLE, READ_ONLY } from './features.ts';
import type { Superblock } from './superblock.ts';
import type { ExtVolume } from './volume.ts';

const CHECKSUM_OFFSET = 0x1e;
const INODES_UNINITIALISED = 0x1;
const BLOCKS_UNINITIALISED = 0x2;

export interface GroupDescriptor {
  /** Blocks of the two bitmaps, and the first block of the inodes. */
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
  readonly freeClusters: number;
  /** With metadata_csum. Descriptors of 32 bytes have the low 16 bits only. */
  readonly bitmapChecksum: number;
  readonly hasInodes: boolean;
  /** False: the bitmap was never written, and only metadata is in use. */
  readonly hasBitmap: boolean;
}

/** @throws {UnreadableError} the descriptor is damaged. */
export async function readDescriptor(volume: ExtVolume, group: number): Promise<GroupDescriptor> {
  const { superblock } = volume;
  const { blockSize, descriptorSize } = superblock;
  const perBlock = blockSize / descriptorSize;
  const index = Math.floor(group / perBlock);
  const what = `the descriptor of group ${group}`;
  const block = await volume.block(descriptorBlock(superblock, index), what);
  const at = (group % perBlock) * descriptorSize;
  const bytes = block.subarray(at, at + descriptorSize);
  if (!isChecksumRight(superblock, group, bytes)) throw new UnreadableError(`the checksum of ${what} is wrong`);
  const isLong = descriptorSize >= 64;
  const high = (offset: number) => (isLong ? bytes.readUInt32LE(offset) * 2 ** 32 : 0);
  const high16 = (offset: number) => (isLong ? bytes.readUInt16LE(offset) * 2 ** 16 : 0);
  const flags = hasGroupChecksums(superblock) ? bytes.readUInt16LE(0x12) : 0;
  const descriptor = {
    blockBitmap: bytes.readUInt32LE(0x0) + high(0x20),
    inodeBitmap: bytes.readUInt32LE(0x4) + high(0x24),
    inodeTable: bytes.readUInt32LE(0x8) + high(0x28),
    freeClusters: bytes.readUInt16LE(0xc) + high16(0x2c),
    bitmapChecksum: bytes.readUInt16LE(0x18) + high16(0x38),
    hasInodes: (flags & INODES_UNINITIALISED) === 0,
    hasBitmap: (flags & BLOCKS_UNINITIALISED) === 0,
  };
  const isInside =
    volume.holds(descriptor.blockBitmap, 1) &&
    volume.holds(descriptor.inodeBitmap, 1) &&
    volume.holds(descriptor.inodeTable, inodeTableBlocks(superblock));
  if (!isInside) throw new UnreadableError(`${what} is damaged: it refers to blocks outside of the file system`);
  return descriptor;
}

export function inodeTableBlocks({ inodesPerGroup, inodeSize, blockSize }: Superblock): number {
  return Math.ceil((inodesPerGroup * inodeSize) / blockSize);
}

/** Blocks that the descriptors of all groups take. */
export function descriptorBlocks({ groups, descriptorSize, blockSize }: Superblock): number {
  return Math.ceil((groups * descriptorSize) / blockSize);
}

export function hasMetaGroups({ incompatible }: Superblock): boolean {
  return (incompatible & INCOMPATIBLE.metaBg) !== 0;
}

export function firstBlockOf({ firstBlock, blocksPerGroup }: Superblock, group: number): number {
  return firstBlock + group * blocksPerGroup;
}

/** Whether a group begins with a copy of the superblock. */
export function hasSuperblock({ compatible, readOnly, backupGroups }: Superblock, group: number): boolean {
  if (group === 0) return true;
  if ((compatible & COMPATIBLE.sparseSuper2) !== 0) return backupGroups.includes(group);
  if (group === 1 || (readOnly & READ_ONLY.sparseSuper) === 0) return true;
  return [3, 5, 7].some((base) => isPowerOf(base, group));
}

function isPowerOf(base: number, value: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

/** The block with the descriptors `index * perBlock` and following. */
function descriptorBlock(superblock: Superblock, index: number): number {
  const { blockSize, descriptorSize, firstBlock, firstMetaBlock } = superblock;
  const superblockAt = blockSize === 1024 ? 1 : 0;
  if (!hasMetaGroups(superblock) || index < firstMetaBlock) return superblockAt + 1 + index;
  const group = index * (blockSize / descriptorSize);
  // With blocks of 1 KiB and bigalloc, group 0 begins with block 0, and the superblock is in block 1.
  const isShifted = blockSize === 1024 && index === 0 && firstBlock === 0;
  return firstBlockOf(superblock, group) + (hasSuperblock(superblock, group) ? 1 : 0) + (isShifted ? 1 : 0);
}

function hasGroupChecksums({ readOnly }: Superblock): boolean {
  return (readOnly & (READ_ONLY.metadataChecksum | READ_ONLY.groupChecksum)) !== 0;
}

function isChecksumRight(superblock: Superblock, group: number, bytes: Buffer): boolean {
  if (!hasGroupChecksums(superblock)) return true;
  const found = bytes.readUInt16LE(CHECKSUM_OFFSET);
  const [before, after] = [bytes.subarray(0, CHECKSUM_OFFSET), bytes.subarray(CHECKSUM_OFFSET + 2)];
  if ((superblock.readOnly & READ_ONLY.metadataChecksum) !== 0) {
    const zeros = new Uint8Array(2);
    return found === (crc32c(superblock.checksumSeed, bytesOfNumber(group), before, zeros, after) & 0xffff);
  }
  return found === crc16(0xffff, superblock.uuid, bytesOfNumber(group), before, after);
}
