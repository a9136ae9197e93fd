// Checks the superblock for features that libext2fs (npm ext2fs) cannot read, before the library opens the file system (Linux kernel, Documentation/filesystems/ext4/super.rst).

const MAGIC_OFFSET = 56;
const MAGIC = 0xef53;
const BLOCK_SIZE_OFFSET = 24;
const INCOMPATIBLE_OFFSET = 96;
const READ_ONLY_OFFSET = 100;
/** 1024 << 4. */
const MAX_BLOCK_SIZE_LOG = 4;

type Feature = readonly [bit: number, name: string];

/** Supported bits of `s_feature_incompat`: a reader must not mount a file system with a bit that it does not know. */
const SUPPORTED_INCOMPATIBLE = 0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000;
const INCOMPATIBLE: readonly Feature[] = [
  [0x1, 'compression'],
  [0x8, 'journal_dev'],
  [0x100, 'mmp'],
  [0x1000, 'dirdata'],
  // The library mounts it, but reads encrypted names as if they were plain.
  [0x10000, 'encrypt'],
  [0x20000, 'casefold'],
];

/** Supported bits of `s_feature_ro_compat`: they matter because the library opens the file system for writing. */
const SUPPORTED_READ_ONLY = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x100 | 0x400 | 0x1000 | 0x2000;
const READ_ONLY: readonly Feature[] = [
  [0x80, 'has_snapshot'],
  [0x200, 'bigalloc'],
  [0x800, 'replica'],
  [0x4000, 'shared_blocks'],
  [0x8000, 'verity'],
  [0x10000, 'orphan_present'],
];

/**
 * The reason why the library cannot read the file system, or undefined if it can.
 * @param superblock - 1024 bytes.
 */
export function unreadableBecause(superblock: Buffer): string | undefined {
  if (superblock.readUInt16LE(MAGIC_OFFSET) !== MAGIC) return 'its superblock is damaged: it has no ext signature';
  const features = [
    ...unsupportedFeatures(
      superblock.readUInt32LE(INCOMPATIBLE_OFFSET),
      SUPPORTED_INCOMPATIBLE,
      INCOMPATIBLE,
      'incompat',
    ),
    ...unsupportedFeatures(superblock.readUInt32LE(READ_ONLY_OFFSET), SUPPORTED_READ_ONLY, READ_ONLY, 'ro_compat'),
  ];
  if (features.length > 0) {
    return `it has the ext4 ${features.length === 1 ? 'feature' : 'features'} ${features.join(', ')}, which vhdup cannot read`;
  }
  const log = superblock.readUInt32LE(BLOCK_SIZE_OFFSET);
  if (log <= MAX_BLOCK_SIZE_LOG) return undefined;
  return log <= 6
    ? `its blocks have ${1024 << log} bytes; vhdup reads at most ${1024 << MAX_BLOCK_SIZE_LOG}`
    : `its superblock is damaged: its block size is 2^${10 + log} bytes`;
}

/** The unsupported bits that are set, by name if they have one. */
function unsupportedFeatures(set: number, read: number, names: readonly Feature[], kind: string): string[] {
  const found: string[] = [];
  for (let bit = 0; bit < 32; bit++) {
    const mask = 2 ** bit;
    if ((set & mask) === 0 || (read & mask) !== 0) continue;
    found.push(names.find(([known]) => known === mask)?.[1] ?? `${kind} 0x${mask.toString(16)}`);
  }
  return found;
}
