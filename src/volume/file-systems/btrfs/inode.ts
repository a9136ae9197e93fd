// Inodes (Linux kernel, struct btrfs_inode_item).
import { type FileEntry, UnreadableError } from '../opened-file-system.ts';
import type { BtrfsMetadata } from './metadata.ts';
import { number64 } from './numbers.ts';
import type { Subvolume } from './roots.ts';
import { findItem } from './tree.ts';
import { ITEM } from './tree-key.ts';

/** In bytes. */
const INODE_LENGTH = 160;
/** Flag: the sectors of the file have no checksums (BTRFS_INODE_NODATASUM). */
const NO_CHECKSUMS = 0x1;
const TYPE_MASK = 0o170000;
const KINDS: ReadonlyMap<number, FileEntry['kind']> = new Map([
  [0o100000, 'file'],
  [0o040000, 'folder'],
  [0o120000, 'link'],
]);

export interface BtrfsInode {
  readonly subvolume: Subvolume;
  readonly number: number;
  readonly kind: FileEntry['kind'];
  /** In bytes. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  readonly hasChecksums: boolean;
}

/** @throws {UnreadableError} it does not exist, or is damaged. */
export async function readInode(metadata: BtrfsMetadata, subvolume: Subvolume, number: number): Promise<BtrfsInode> {
  const item = await findItem(metadata, subvolume, { objectId: number, type: ITEM.inode, offset: 0 });
  if (item === undefined || item.data.length < INODE_LENGTH) {
    throw new UnreadableError(
      `its inode ${number} in the tree ${subvolume.id} ${item === undefined ? 'does not exist' : 'is cut off'}`,
    );
  }
  const { data } = item;
  const mode = data.readUInt32LE(52);
  return {
    subvolume,
    number,
    kind: KINDS.get(mode & TYPE_MASK) ?? 'other',
    size: number64(data, 16, `inode ${number}'s size`),
    mode: mode & 0o7777,
    hasChecksums: (data.readUInt32LE(64) & NO_CHECKSUMS) === 0,
  };
}

/** What the kernel shows for a subvolume that is not in a snapshot of its parent (BTRFS_EMPTY_SUBVOL_DIR_OBJECTID). */
const EMPTY_FOLDER = 2;

export function emptyFolder(subvolume: Subvolume): BtrfsInode {
  return { subvolume, number: EMPTY_FOLDER, kind: 'folder', size: 0, mode: 0o755, hasChecksums: true };
}
