// Inodes: xfs_format.h, struct xfs_dinode.
import { UnreadableError } from '../opened-file-system.ts';
import type { XfsMetadata } from './metadata.ts';
import { isInOneGroup, number64, offsetOfBlock } from './superblock.ts';

/** In bytes: the core of an inode of versions 1 and 2, and that of version 3. */
const CORE_LENGTH = 100;
const CORE_LENGTH_V3 = 176;
const CHECKSUM_OFFSET = 100;
/** Flag of files on the realtime device (XFS_DIFLAG_REALTIME). */
const REALTIME = 0x1;
/** Second flags: the counters of extents are big (XFS_DIFLAG2_NREXT64). */
const BIG_COUNTERS = 0x10;
/** Second flags: other files may have the same blocks (XFS_DIFLAG2_REFLINK). */
const REFLINK = 0x2;
const FORMATS = ['device', 'local', 'extents', 'tree'] as const;

export interface XfsInode {
  readonly number: number;
  /** Type and permissions, as in `stat`. */
  readonly mode: number;
  /** In bytes. */
  readonly size: number;
  /** Where the data are: in the inode, in its list of extents, or in a tree of extents. */
  readonly format: (typeof FORMATS)[number];
  /** Number of extents by its counter. */
  readonly extents: number;
  readonly isRealtime: boolean;
  /** Whether other files may have the same blocks. */
  readonly mayShare: boolean;
  /** The part of the inode that describes or holds the data. */
  readonly fork: Buffer;
}

/** @throws {UnreadableError} it is not in use, or damaged. */
export async function readInode(metadata: XfsMetadata, number: number): Promise<XfsInode> {
  const { superblock } = metadata;
  const { inodesPerBlock, inodeSize, blockSize } = superblock;
  const block = Math.floor(number / inodesPerBlock);
  const fail = (problem: string) => new UnreadableError(`its inode ${number} ${problem}`);
  if (!isInOneGroup(superblock, block, 1)) throw fail('is outside of its groups');
  const bytes = await metadata.bytes({ offset: offsetOfBlock(superblock, block), length: blockSize });
  const start = (number % inodesPerBlock) * inodeSize;
  const inode = bytes.subarray(start, start + inodeSize);
  const problem = problemOf(metadata, inode, number);
  if (problem !== undefined) throw fail(problem);
  const format = FORMATS[inode.readUInt8(5)];
  if (format === undefined) throw fail(`has the format ${inode.readUInt8(5)}`);
  const flags2 = superblock.features.hasChecksums ? inode.readBigUInt64BE(120) : 0n;
  const hasBigCounters = (flags2 & BigInt(BIG_COUNTERS)) !== 0n;
  return {
    number,
    mode: inode.readUInt16BE(2),
    size: number64(inode, 56, `inode ${number}'s size`),
    format,
    extents: hasBigCounters ? number64(inode, 24, `inode ${number}'s counter of extents`) : inode.readUInt32BE(76),
    mayShare: (flags2 & BigInt(REFLINK)) !== 0n,
    isRealtime: (inode.readUInt16BE(90) & REALTIME) !== 0,
    fork: dataForkOf(inode, fail),
  };
}

function problemOf(metadata: XfsMetadata, inode: Buffer, number: number): string | undefined {
  const { hasChecksums } = metadata.superblock.features;
  if (inode.toString('latin1', 0, 2) !== 'IN') return 'does not begin with IN';
  const version = inode.readUInt8(4);
  if (hasChecksums ? version !== 3 : version !== 1 && version !== 2) return `has the version ${version}`;
  if (hasChecksums) {
    if (!metadata.hasChecksum(inode, CHECKSUM_OFFSET)) return 'has a wrong checksum';
    if (inode.readBigUInt64BE(152) !== BigInt(number)) return `has the number ${inode.readBigUInt64BE(152)}`;
    if (!inode.subarray(160, 176).equals(metadata.superblock.metadataUuid)) return 'is of another file system';
  }
  return inode.readUInt16BE(2) === 0 ? 'is not in use' : undefined;
}

/** The data fork ends where the attribute fork begins, in units of 8 bytes; 0 means that there is none. */
function dataForkOf(inode: Buffer, fail: (problem: string) => UnreadableError): Buffer {
  const start = inode.readUInt8(4) === 3 ? CORE_LENGTH_V3 : CORE_LENGTH;
  const forkOffset = inode.readUInt8(82) * 8;
  if (start + forkOffset > inode.length) throw fail('has an attribute fork outside of it');
  return inode.subarray(start, forkOffset === 0 ? inode.length : start + forkOffset);
}
