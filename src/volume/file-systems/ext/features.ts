// The features of ext2, ext3 and ext4, and which of them vhdup knows (Linux kernel, fs/ext4/ext4.h and Documentation/filesystems/ext4/super.rst).

export const COMPATIBLE = {
  hasJournal: 0x4,
  sparseSuper2: 0x200,
} as const;

export const INCOMPATIBLE = {
  recover: 0x4,
  metaBg: 0x10,
  is64Bit: 0x80,
  checksumSeed: 0x2000,
  largeFolders: 0x4000,
} as const;

export const READ_ONLY = {
  sparseSuper: 0x1,
  groupChecksum: 0x10,
  bigalloc: 0x200,
  metadataChecksum: 0x400,
  orphanPresent: 0x10000,
} as const;

type Feature = readonly [bit: number, name: string];

/** A reader must not open a file system with an incompatible feature that it does not know. */
const READ_INCOMPATIBLE = 0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000;
const UNREAD_INCOMPATIBLE: readonly Feature[] = [
  [0x1, 'compression'],
  [0x8, 'journal_dev'],
  [0x1000, 'dirdata'],
  [0x10000, 'encrypt'],
  [0x20000, 'casefold'],
];

/**
 * The features with which the bitmaps are known to show all that is in use. Left out are has_snapshot, exclude_bitmap,
 * replica and shared_blocks, which change what a bit means, and all that came later.
 */
const MAPPED_COMPATIBLE = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x200 | 0x400 | 0x800 | 0x1000;
const MAPPED_READ_ONLY = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x100 | 0x200 | 0x400 | 0x1000 | 0x2000 | 0x8000;

export interface Features {
  readonly compatible: number;
  readonly incompatible: number;
  /** A system that does not know one of these may read the file system, but not write. */
  readonly readOnly: number;
}

/** The reason why files cannot be read, or undefined if they can. */
export function unreadableBecause({ incompatible }: Features): string | undefined {
  const found: string[] = [];
  for (let bit = 0; bit < 32; bit++) {
    const mask = (1 << bit) >>> 0;
    if ((incompatible & mask) === 0 || (READ_INCOMPATIBLE & mask) !== 0) continue;
    found.push(UNREAD_INCOMPATIBLE.find(([known]) => known === mask)?.[1] ?? `incompat 0x${mask.toString(16)}`);
  }
  if (found.length === 0) return undefined;
  return `it has the ext4 ${found.length === 1 ? 'feature' : 'features'} ${found.join(', ')}, which vhdup cannot read`;
}

/** Whether a bit that is not set in a bitmap is certainly a block that nothing uses. */
export function isMapped({ compatible, readOnly }: Features): boolean {
  return (compatible & ~MAPPED_COMPATIBLE) === 0 && (readOnly & ~MAPPED_READ_ONLY) === 0;
}
