// The superblock of XFS: xfs_format.h, struct xfs_dsb. Numbers are big-endian, checksums little-endian.
import type { Crc32c } from '../../../base/crc32c.ts';
import { UnreadableError, type VolumeBytes } from '../opened-file-system.ts';
import { readFeatures, type XfsFeatures } from './features.ts';

/** Bytes of the superblock that are read first. Its checksum covers a whole sector. */
const HEAD_LENGTH = 512;
const MAX_SECTOR = 32 * 1024;
const CHECKSUM_OFFSET = 224;

/** The geometry of the file system. "Block" is a block of the file system, "group" an allocation group. */
export interface XfsSuperblock {
  readonly features: XfsFeatures;
  /** In bytes: 512 to 64 KiB. */
  readonly blockSize: number;
  /** In bytes: 512 to 32 KiB. */
  readonly sectorSize: number;
  /** In bytes: 256 to 2048. */
  readonly inodeSize: number;
  readonly inodesPerBlock: number;
  /** Number of blocks of the file system. */
  readonly blocks: number;
  /** Number of blocks of each group but the last, which may have fewer. */
  readonly groupBlocks: number;
  readonly groups: number;
  /** The factor between the number of a group and its first block number: a power of two, at least `groupBlocks`. */
  readonly groupStride: number;
  /** Number of blocks of a block of a folder. */
  readonly folderBlocks: number;
  readonly rootInode: number;
  /** First block of the log; 0 if it is on another device. */
  readonly logStart: number;
  /** Number of blocks of the log. */
  readonly logBlocks: number;
  /** Free blocks by the counter of the superblock. It is exact after the file system was closed. */
  readonly freeBlocks: number;
  /** Whether it has a realtime device. */
  readonly hasRealtime: boolean;
  /** The 16 bytes of the UUID in log records. */
  readonly uuid: Buffer;
  /** The 16 bytes of the UUID in metadata blocks of version 5. */
  readonly metadataUuid: Buffer;
}

/** @throws {UnreadableError} and the errors of `volume.read`. */
export async function readSuperblock(volume: VolumeBytes, crc32c: Crc32c): Promise<XfsSuperblock> {
  if (volume.size < HEAD_LENGTH) throw new UnreadableError('it is smaller than a superblock');
  const bytes = await readSector(volume, HEAD_LENGTH);
  if (bytes.toString('latin1', 0, 4) !== 'XFSB') throw new UnreadableError('it has no superblock of XFS');
  const features = readFeatures(bytes);
  const superblock = parse(bytes, features);
  if (features.hasChecksums) await expectChecksum(volume, superblock.sectorSize, crc32c);
  expectSound(superblock, bytes, volume.size);
  return superblock;
}

async function readSector(volume: VolumeBytes, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await volume.read({ offset: 0, length }, bytes);
  return bytes;
}

function parse(bytes: Buffer, features: XfsFeatures): XfsSuperblock {
  const blockSize = powerOfTwo('block size', bytes.readUInt32BE(4), 512, 64 * 1024);
  const sectorSize = powerOfTwo('sector size', bytes.readUInt16BE(102), 512, MAX_SECTOR);
  const inodeSize = powerOfTwo('inode size', bytes.readUInt16BE(104), 256, Math.min(2048, blockSize));
  const folderShift = bytes.readUInt8(192);
  if (folderShift > 7 || blockSize * 2 ** folderShift > 64 * 1024) {
    throw new UnreadableError(`its folders have blocks of ${blockSize} × 2^${folderShift} bytes, more than 64 KiB`);
  }
  const groupShift = bytes.readUInt8(124);
  if (groupShift > 31) throw new UnreadableError(`the logarithm of its group size is ${groupShift}, more than 31`);
  return {
    features,
    blockSize,
    sectorSize,
    inodeSize,
    inodesPerBlock: blockSize / inodeSize,
    blocks: number64(bytes, 8, 'number of blocks'),
    groupBlocks: bytes.readUInt32BE(84),
    groups: bytes.readUInt32BE(88),
    groupStride: 2 ** groupShift,
    folderBlocks: 2 ** folderShift,
    rootInode: number64(bytes, 56, 'root inode'),
    logStart: number64(bytes, 48, 'first block of the log'),
    logBlocks: bytes.readUInt32BE(96),
    freeBlocks: number64(bytes, 144, 'number of free blocks'),
    hasRealtime: bytes.readBigUInt64BE(16) !== 0n,
    uuid: bytes.subarray(32, 48),
    metadataUuid: features.hasMetadataUuid ? bytes.subarray(248, 264) : bytes.subarray(32, 48),
  };
}

/** @throws {UnreadableError} the value exceeds 2^53 - 1. */
export function number64(bytes: Buffer, offset: number, name: string): number {
  const value = bytes.readBigUInt64BE(offset);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new UnreadableError(`its ${name} is ${value}`);
  return Number(value);
}

function powerOfTwo(name: string, value: number, min: number, max: number): number {
  if (value < min || value > max || (value & (value - 1)) !== 0) {
    throw new UnreadableError(`its ${name} is ${value}; it must be a power of two from ${min} to ${max}`);
  }
  return value;
}

async function expectChecksum(volume: VolumeBytes, sectorSize: number, crc32c: Crc32c): Promise<void> {
  if (volume.size < sectorSize) throw new UnreadableError('it is smaller than its sector');
  const sector = await readSector(volume, sectorSize);
  if (crc32c.of(sector, CHECKSUM_OFFSET) !== sector.readUInt32LE(CHECKSUM_OFFSET)) {
    throw new UnreadableError('the checksum of its superblock is wrong');
  }
}

function expectSound(superblock: XfsSuperblock, bytes: Buffer, size: number): void {
  const { blockSize, blocks, groupBlocks, groups, groupStride, inodesPerBlock, logStart, logBlocks } = superblock;
  const fail = (problem: string) => {
    throw new UnreadableError(`its superblock contradicts itself: ${problem}`);
  };
  if (bytes.readUInt8(126) !== 0) throw new UnreadableError('mkfs.xfs did not finish it');
  if (bytes.readUInt8(122) !== Math.log2(superblock.inodeSize)) fail('its inode sizes differ');
  if (bytes.readUInt8(123) !== Math.log2(inodesPerBlock)) fail('its numbers of inodes per block differ');
  if (bytes.readUInt8(120) !== Math.log2(blockSize)) fail('its block sizes differ');
  // The four headers of a group need four sectors, and a group has at least 64 blocks in all versions of mkfs.xfs.
  if (groupBlocks < 64 || groupBlocks * blockSize < 4 * superblock.sectorSize || groups === 0) {
    fail(`it has ${groups} groups of ${groupBlocks} blocks`);
  }
  if (groupStride < groupBlocks || groupStride / 2 >= groupBlocks) {
    fail(`groups of ${groupBlocks} blocks are ${groupStride} block numbers apart`);
  }
  const before = (groups - 1) * groupBlocks;
  if (blocks <= before || blocks > before + groupBlocks) {
    fail(`${groups} groups of ${groupBlocks} blocks do not have ${blocks} blocks`);
  }
  if (blocks * blockSize > size) {
    throw new UnreadableError(`it is larger than its volume: it has ${blocks * blockSize} of ${size} bytes`);
  }
  if (logStart !== 0 && !isInOneGroup(superblock, logStart, logBlocks)) fail('its log is not inside a group');
}

/** Whether the blocks exist and belong to the same group. */
export function isInOneGroup(superblock: XfsSuperblock, block: number, count: number): boolean {
  const group = Math.floor(block / superblock.groupStride);
  return group < superblock.groups && (block % superblock.groupStride) + count <= blocksOfGroup(superblock, group);
}

/** The number of blocks of a group. */
export function blocksOfGroup({ groups, groupBlocks, blocks }: XfsSuperblock, group: number): number {
  return group < groups - 1 ? groupBlocks : blocks - (groups - 1) * groupBlocks;
}

/** Offset of a block in the volume, in bytes. The block number must be checked before. */
export function offsetOfBlock({ groupStride, groupBlocks, blockSize }: XfsSuperblock, block: number): number {
  return (Math.floor(block / groupStride) * groupBlocks + (block % groupStride)) * blockSize;
}
