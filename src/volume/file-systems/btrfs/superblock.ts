// The superblock of btrfs, and its copies (Linux kernel, struct btrfs_super_block; fs/btrfs/disk-io.c, btrfs_validate_super).
import { UnreadableError, type VolumeBytes } from '../opened-file-system.ts';
import { BtrfsChecksum } from './checksums.ts';
import { type BtrfsFeatures, readFeatures } from './features.ts';
import { isPowerOfTwo, number64 } from './numbers.ts';

/** In bytes: where superblocks are on a device that is large enough. The first one counts. */
export const SUPERBLOCKS = [64 * 1024, 64 * 1024 * 1024, 256 * 1024 ** 3] as const;
export const SUPERBLOCK_LENGTH = 4096;
/** The field of the checksum, which covers everything after it. */
export const CHECKSUM_FIELD = 32;
const MAGIC = '_BHRfS_M';
const MAX_SYSTEM_CHUNKS = 2048;
/** In bytes. */
const MAX_NODE = 64 * 1024;
export const MAX_LEVEL = 7;

/** Where a tree begins. */
export interface BlockPointer {
  /** In bytes of the logical addresses that chunks map to the device. */
  readonly address: number;
  /** 0 for a leaf. */
  readonly level: number;
  /** The transaction that wrote the block. */
  readonly generation: number;
}

export interface BtrfsSuperblock {
  readonly features: BtrfsFeatures;
  readonly checksum: BtrfsChecksum;
  /** In bytes: 4 KiB to 64 KiB. */
  readonly sectorSize: number;
  /** In bytes of a tree block: 4 KiB to 64 KiB, at least a sector. */
  readonly nodeSize: number;
  readonly rootTree: BlockPointer;
  readonly chunkTree: BlockPointer;
  /** Number of devices of the file system. */
  readonly devices: number;
  /** Number of this device, which has `deviceBytes` bytes. */
  readonly deviceId: number;
  readonly deviceUuid: Buffer;
  readonly deviceBytes: number;
  /** Bytes of this device that chunks use, by its counter. */
  readonly deviceBytesUsed: number;
  /** Bytes of all extents, by its counter. */
  readonly bytesUsed: number;
  /** The 16 bytes of the UUID in tree blocks. */
  readonly metadataUuid: Buffer;
  /** The chunks that hold the chunk tree, each after its key. */
  readonly systemChunks: Buffer;
  /** Why it may not be what its trees say; undefined if it is clean. */
  readonly unclean: string | undefined;
}

/** @throws {UnreadableError} and the errors of `volume.read`. */
export async function readSuperblock(volume: VolumeBytes): Promise<BtrfsSuperblock> {
  const bytes = await superblockAt(volume, SUPERBLOCKS[0]);
  if (bytes?.toString('latin1', 64, 72) !== MAGIC) throw new UnreadableError('it has no superblock of btrfs');
  const checksum = await BtrfsChecksum.create(bytes.readUInt16LE(196));
  if (!checksum.isRight(bytes, bytes.subarray(CHECKSUM_FIELD))) {
    throw new UnreadableError('the checksum of its superblock is wrong');
  }
  const features = readFeatures(bytes);
  const reasons = [...features.uncleanReasons, ...(await newerCopies(volume, bytes, checksum))];
  const superblock = parse(bytes, features, checksum, reasons.length === 0 ? undefined : reasons.join(', '));
  expectSound(superblock, bytes, volume.size);
  return superblock;
}

/** Undefined if it would be outside of the volume. */
async function superblockAt(volume: VolumeBytes, offset: number): Promise<Buffer | undefined> {
  if (offset + SUPERBLOCK_LENGTH > volume.size) return undefined;
  const bytes = Buffer.alloc(SUPERBLOCK_LENGTH);
  await volume.read({ offset, length: SUPERBLOCK_LENGTH }, bytes);
  return bytes;
}

/** The kernel writes the first superblock first, and mounts no other. So no valid copy is newer, unless the first one was replaced. */
async function newerCopies(volume: VolumeBytes, first: Buffer, checksum: BtrfsChecksum): Promise<string[]> {
  const reasons: string[] = [];
  for (const offset of SUPERBLOCKS.slice(1)) {
    const copy = await superblockAt(volume, offset);
    if (copy === undefined || copy.toString('latin1', 64, 72) !== MAGIC) continue;
    const isSame = copy.subarray(32, 48).equals(first.subarray(32, 48)) && copy.readBigUInt64LE(48) === BigInt(offset);
    if (!isSame || !checksum.isRight(copy, copy.subarray(CHECKSUM_FIELD))) continue;
    if (copy.readBigUInt64LE(72) > first.readBigUInt64LE(72)) reasons.push(`its superblock at ${offset} is newer`);
  }
  return reasons;
}

function parse(
  bytes: Buffer,
  features: BtrfsFeatures,
  checksum: BtrfsChecksum,
  unclean: string | undefined,
): BtrfsSuperblock {
  const arrayLength = bytes.readUInt32LE(160);
  if (arrayLength > MAX_SYSTEM_CHUNKS) throw new UnreadableError(`its system chunks have ${arrayLength} bytes`);
  return {
    features,
    checksum,
    sectorSize: powerOfTwo('sector size', bytes.readUInt32LE(144), 4096),
    nodeSize: powerOfTwo('node size', bytes.readUInt32LE(148), bytes.readUInt32LE(144)),
    rootTree: {
      address: number64(bytes, 80, 'address of the root tree'),
      level: bytes.readUInt8(198),
      generation: number64(bytes, 72, 'generation'),
    },
    chunkTree: {
      address: number64(bytes, 88, 'address of the chunk tree'),
      level: bytes.readUInt8(199),
      generation: number64(bytes, 164, 'generation of the chunk tree'),
    },
    devices: number64(bytes, 136, 'number of devices'),
    deviceId: number64(bytes, 201, 'device number'),
    deviceUuid: bytes.subarray(267, 283),
    deviceBytes: number64(bytes, 209, 'size of the device'),
    deviceBytesUsed: number64(bytes, 217, 'number of bytes used of the device'),
    bytesUsed: number64(bytes, 120, 'number of bytes used'),
    metadataUuid: features.hasMetadataUuid ? bytes.subarray(571, 587) : bytes.subarray(32, 48),
    systemChunks: bytes.subarray(811, 811 + arrayLength),
    unclean,
  };
}

function powerOfTwo(name: string, value: number, min: number): number {
  if (value < min || value > MAX_NODE || !isPowerOfTwo(value)) {
    throw new UnreadableError(`its ${name} is ${value}; it must be a power of two from ${min} to ${MAX_NODE}`);
  }
  return value;
}

function expectSound({ rootTree, chunkTree, ...superblock }: BtrfsSuperblock, bytes: Buffer, size: number): void {
  const fail = (problem: string) => {
    throw new UnreadableError(`its superblock contradicts itself: ${problem}`);
  };
  const address = bytes.readBigUInt64LE(48);
  if (address !== BigInt(SUPERBLOCKS[0])) fail(`it was written for the address ${address}`);
  if (rootTree.level > MAX_LEVEL || chunkTree.level > MAX_LEVEL) {
    fail(`its trees have the levels ${rootTree.level} and ${chunkTree.level}`);
  }
  if (chunkTree.generation > rootTree.generation) {
    fail(`its chunk tree is of generation ${chunkTree.generation}, after its own ${rootTree.generation}`);
  }
  if (!bytes.subarray(283, 299).equals(superblock.metadataUuid)) fail('its device belongs to another file system');
  if (superblock.deviceBytes > size) {
    throw new UnreadableError(`it is larger than its volume: it has ${superblock.deviceBytes} of ${size} bytes`);
  }
}
