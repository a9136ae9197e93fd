// The superblock of ext2, ext3 and ext4 (Linux kernel, Documentation/filesystems/ext4/super.rst).
import { UnreadableError } from '../opened-file-system.ts';
import { crc32c } from './checksums.ts';
import { COMPATIBLE, type Features, INCOMPATIBLE, READ_ONLY, unreadableBecause } from './features.ts';

const MAGIC = 0xef53;
const CHECKSUM_OFFSET = 0x3fc;
/** 1024 << 6: the largest page of a processor that Linux supports. */
const MAX_BLOCK_SIZE_LOG = 6;

export interface Superblock extends Features {
  /** In bytes. */
  readonly blockSize: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  /** The first block of group 0: 1 if blocks have 1 KiB, otherwise 0. */
  readonly firstBlock: number;
  readonly groups: number;
  readonly blocksPerGroup: number;
  /** A bit of a bitmap is a cluster: more than one block with bigalloc. */
  readonly blocksPerCluster: number;
  readonly inodes: number;
  readonly inodesPerGroup: number;
  /** In bytes. */
  readonly inodeSize: number;
  /** In bytes. */
  readonly descriptorSize: number;
  /** Blocks behind the group descriptors that are kept for growth. */
  readonly reservedDescriptorBlocks: number;
  /** With meta_bg: the first block of descriptors that is not behind the superblock. */
  readonly firstMetaBlock: number;
  /** With sparse_super2: the groups that have a copy of the superblock. */
  readonly backupGroups: readonly number[];
  /** The inode of the journal; 0 if it has none in it. */
  readonly journalInode: number;
  readonly uuid: Uint8Array;
  /** The start value of the checksums of metadata_csum. */
  readonly checksumSeed: number;
}

/**
 * @param bytes The 1024 bytes of the superblock.
 * @param volumeSize In bytes.
 * @throws {UnreadableError} it is damaged, or has a feature that is not supported.
 */
export function readSuperblock(bytes: Buffer, volumeSize: number): Superblock {
  if (bytes.readUInt16LE(0x38) !== MAGIC) throw new UnreadableError('its superblock has no ext signature');
  const features = featuresOf(bytes);
  const problem = unreadableBecause(features);
  if (problem !== undefined) throw new UnreadableError(problem);
  const uuid = bytes.subarray(0x68, 0x78);
  requireChecksum(bytes, features);

  const log = bytes.readUInt32LE(0x18);
  if (log > MAX_BLOCK_SIZE_LOG) throw damaged(`its block size is 2^${10 + log} bytes`);
  const blockSize = 1024 << log;
  const is64Bit = (features.incompatible & INCOMPATIBLE.is64Bit) !== 0;
  const highPart = (offset: number) => (is64Bit ? bytes.readUInt32LE(offset) * 2 ** 32 : 0);
  const superblock = {
    ...features,
    blockSize,
    blocks: bytes.readUInt32LE(0x4) + highPart(0x150),
    freeBlocks: bytes.readUInt32LE(0xc) + highPart(0x158),
    firstBlock: bytes.readUInt32LE(0x14),
    blocksPerGroup: bytes.readUInt32LE(0x20),
    blocksPerCluster: blocksPerCluster(bytes, log, features),
    inodes: bytes.readUInt32LE(0x0),
    inodesPerGroup: bytes.readUInt32LE(0x28),
    // Revision 0 has inodes of 128 bytes, and does not say so.
    inodeSize: bytes.readUInt32LE(0x4c) === 0 ? 128 : bytes.readUInt16LE(0x58),
    descriptorSize: is64Bit ? bytes.readUInt16LE(0xfe) : 32,
    reservedDescriptorBlocks: bytes.readUInt16LE(0xce),
    firstMetaBlock: bytes.readUInt32LE(0x104),
    backupGroups: [bytes.readUInt32LE(0x24c), bytes.readUInt32LE(0x250)],
    journalInode: (features.compatible & COMPATIBLE.hasJournal) === 0 ? 0 : bytes.readUInt32LE(0xe0),
    uuid,
    checksumSeed:
      (features.incompatible & INCOMPATIBLE.checksumSeed) !== 0 ? bytes.readUInt32LE(0x270) : crc32c(0xffffffff, uuid),
  };
  requireGeometry(superblock, volumeSize);
  const groups = Math.ceil((superblock.blocks - superblock.firstBlock) / superblock.blocksPerGroup);
  if (superblock.inodes > groups * superblock.inodesPerGroup) {
    throw damaged(`it has ${superblock.inodes} inodes in ${groups} groups of ${superblock.inodesPerGroup}`);
  }
  return { ...superblock, groups };
}

function featuresOf(bytes: Buffer): Features {
  return {
    compatible: bytes.readUInt32LE(0x5c),
    incompatible: bytes.readUInt32LE(0x60),
    readOnly: bytes.readUInt32LE(0x64),
  };
}

/** The evidence that the file system was not closed, or has errors; empty if it is clean. @param bytes The superblock. */
export function extUncleanReasons(bytes: Buffer): string[] {
  const { incompatible, readOnly } = featuresOf(bytes);
  const state = bytes.readUInt16LE(0x3a);
  const reasons: string[] = [];
  if ((incompatible & INCOMPATIBLE.recover) !== 0) reasons.push('its journal needs recovery');
  if ((state & 0x1) === 0) reasons.push('it was not unmounted');
  if ((state & 0x2) !== 0 || bytes.readUInt32LE(0x194) !== 0) reasons.push('it has errors');
  if ((state & 0x4) !== 0) reasons.push('orphans are being recovered');
  const hasOrphans = (readOnly & READ_ONLY.orphanPresent) !== 0 || bytes.readUInt32LE(0xe8) !== 0;
  if (hasOrphans) reasons.push('it has orphans: files that were deleted while they were open');
  return reasons;
}

/** A journal on another device may need recovery although nothing here says so. @param bytes The superblock. */
export function hasOuterJournal(bytes: Buffer): boolean {
  return (featuresOf(bytes).compatible & COMPATIBLE.hasJournal) !== 0 && bytes.readUInt32LE(0xe0) === 0;
}

export const OUTER_JOURNAL = 'its journal is on another device';

function blocksPerCluster(bytes: Buffer, log: number, { readOnly }: Features): number {
  if ((readOnly & READ_ONLY.bigalloc) === 0) return 1;
  const clusterLog = bytes.readUInt32LE(0x1c);
  if (clusterLog < log || clusterLog > 20) throw damaged(`its clusters have 2^${10 + clusterLog} bytes`);
  return 2 ** (clusterLog - log);
}

function requireChecksum(bytes: Buffer, { readOnly }: Features): void {
  if ((readOnly & READ_ONLY.metadataChecksum) === 0) return;
  if (bytes.readUInt8(0x175) !== 1) throw new UnreadableError('its checksums are of a kind that vhdup does not know');
  const found = bytes.readUInt32LE(CHECKSUM_OFFSET);
  const needed = crc32c(0xffffffff, bytes.subarray(0, CHECKSUM_OFFSET));
  if (found !== needed) throw damaged('its checksum is wrong');
}

function requireGeometry(superblock: Omit<Superblock, 'groups'>, volumeSize: number): void {
  const { blockSize, blocks, firstBlock, blocksPerGroup, inodesPerGroup, inodeSize, descriptorSize } = superblock;
  const ratio = superblock.blocksPerCluster;
  if (firstBlock > (blockSize === 1024 ? 1 : 0) || (ratio > 1 && firstBlock !== 0)) {
    throw damaged(`its first block is ${firstBlock}`);
  }
  if (blocks <= firstBlock || blocks * blockSize > volumeSize) {
    throw damaged(`it has ${blocks} blocks of ${blockSize} bytes, but the volume has ${volumeSize} bytes`);
  }
  // A bitmap is one block.
  const clusters = blocksPerGroup / ratio;
  if (clusters < 8 || clusters % 8 !== 0 || clusters > 8 * blockSize) {
    throw damaged(`it has ${blocksPerGroup} blocks per group`);
  }
  const isInodeSize = inodeSize >= 128 && inodeSize <= blockSize && (inodeSize & (inodeSize - 1)) === 0;
  if (!isInodeSize) throw damaged(`its inodes have ${inodeSize} bytes`);
  if (inodesPerGroup < 1 || inodesPerGroup > 8 * blockSize) throw damaged(`it has ${inodesPerGroup} inodes per group`);
  const isDescriptorSize =
    descriptorSize >= 32 && descriptorSize <= 1024 && (descriptorSize & (descriptorSize - 1)) === 0;
  if (!isDescriptorSize) throw damaged(`its group descriptors have ${descriptorSize} bytes`);
  if (superblock.reservedDescriptorBlocks > blockSize / 4) {
    throw damaged(`it keeps ${superblock.reservedDescriptorBlocks} blocks for descriptors`);
  }
}

function damaged(what: string): UnreadableError {
  return new UnreadableError(`its superblock is damaged: ${what}`);
}
