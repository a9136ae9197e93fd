// What the feature words and the flags of a btrfs superblock permit (Linux kernel, BTRFS_FEATURE_*, BTRFS_SUPER_FLAG_*).
import { UnreadableError } from '../opened-file-system.ts';

export interface BtrfsFeatures {
  /** Tree blocks name the UUID in the superblock that is for metadata, not that for users. */
  readonly hasMetadataUuid: boolean;
  /** Block groups have a tree of their own. */
  readonly hasBlockGroupTree: boolean;
  /** It is the read-only base of other file systems, or has features whose effect on free space is not known. */
  readonly isFreeSpaceUnknown: boolean;
  /** Why it may not be what its trees say. */
  readonly uncleanReasons: readonly string[];
}

/**
 * Mixed back references, default subvolume, mixed groups, LZO, zstd, big metadata, extended inode references, RAID5 and 6,
 * skinny metadata, no holes, metadata UUID, RAID1C3 and C4, simple quotas. The profiles of chunks decide about RAID.
 */
const INCOMPAT_KNOWN = 0xfff | 0x1_0000;
const METADATA_UUID = 0x400;
const INCOMPAT_NAMES: ReadonlyMap<number, string> = new Map([
  [0x1000, 'zones'],
  [0x2000, 'an extent tree of version 2'],
  [0x4000, 'a RAID stripe tree'],
  [0x2_0000, 'a remap tree'],
]);

/** Free space tree, whether it is valid, fs-verity, block group tree. */
const RO_COMPAT_KNOWN = 0xf;
const BLOCK_GROUP_TREE = 0x8;

/** Written, relocated, error, seeding. The first two are flags of blocks. */
const FLAG_ERROR = 0x4;
const FLAGS_KNOWN = 0x1 | 0x2 | FLAG_ERROR;
/** In the upper half of the flags. */
const HIGH_SEEDING = 0x1;
/** Metadata alone (btrfs-image), in two versions. */
const HIGH_METADATA_ONLY = 0x2 | 0x4;
/** btrfstune was interrupted while it changed the UUID, the block group tree or the checksums. */
const HIGH_CHANGING = 0x8 | 0x10 | 0x40 | 0x80 | 0x100;

/** @param bytes The superblock. @throws {UnreadableError} it has a feature that changes how it is read. */
export function readFeatures(bytes: Buffer): BtrfsFeatures {
  const incompatible = bytes.readBigUInt64LE(188);
  const unknown = incompatible & ~BigInt(INCOMPAT_KNOWN);
  if (unknown !== 0n) throw new UnreadableError(`it has ${nameOf(unknown)}, which is not supported`);
  const readOnly = bytes.readBigUInt64LE(180);
  const [low, high] = [bytes.readUInt32LE(56), bytes.readUInt32LE(60)];
  if ((high & HIGH_METADATA_ONLY) !== 0) {
    throw new UnreadableError('it is a copy of metadata made by btrfs-image, without the contents of files');
  }
  const hasUnknown =
    (readOnly & ~BigInt(RO_COMPAT_KNOWN)) !== 0n || (low & ~FLAGS_KNOWN) !== 0 || (high & ~HIGH_CHANGING) !== 0;
  return {
    hasMetadataUuid: (incompatible & BigInt(METADATA_UUID)) !== 0n,
    hasBlockGroupTree: (readOnly & BigInt(BLOCK_GROUP_TREE)) !== 0n,
    isFreeSpaceUnknown: hasUnknown || (high & HIGH_SEEDING) !== 0,
    uncleanReasons: [
      ...(bytes.readBigUInt64LE(96) === 0n ? [] : ['its log tree needs recovery: it was not unmounted']),
      ...((low & FLAG_ERROR) === 0 ? [] : ['it has errors']),
      ...((high & HIGH_CHANGING) === 0 ? [] : ['btrfstune was interrupted while it changed it']),
    ],
  };
}

function nameOf(unknown: bigint): string {
  const names = [...INCOMPAT_NAMES].filter(([bit]) => (unknown & BigInt(bit)) !== 0n).map(([, name]) => name);
  return names.length > 0 ? names.join(', ') : `incompatible features 0x${unknown.toString(16)}`;
}
