// The roots of trees: items of the root tree (Linux kernel, struct btrfs_root_item, btrfs_root_ref).
import { UnreadableError } from '../opened-file-system.ts';
import { entriesIn, hashOf } from './folder-entry.ts';
import { type BtrfsMetadata, TREE, type Tree } from './metadata.ts';
import { number64, roughly64 } from './numbers.ts';
import { MAX_LEVEL } from './superblock.ts';
import { findFloor, findItem } from './tree.ts';
import { ITEM } from './tree-key.ts';

/** In bytes, of a root item without the fields that newer kernels add. */
const ROOT_LENGTH = 239;
/** The object of the root tree whose entries name subvolumes. */
const ROOT_FOLDER = 6;
const DEFAULT = Buffer.from('default');
const MAX_OFFSET = 2 ** 64;

/** A tree of files: the top level, a subvolume or a snapshot. */
export interface Subvolume extends Tree {
  /** The inode of its root. */
  readonly rootFolder: number;
}

export function rootTreeOf({ superblock }: BtrfsMetadata): Tree {
  return { id: TREE.root, top: superblock.rootTree };
}

/** Undefined if there is no such tree, or it is being deleted. @throws {UnreadableError} */
export async function findTree(metadata: BtrfsMetadata, id: number): Promise<Subvolume | undefined> {
  // The offset of a snapshot is the transaction that made it.
  const item = await findFloor(metadata, rootTreeOf(metadata), { objectId: id, type: ITEM.root, offset: MAX_OFFSET });
  if (item?.objectId !== id || item.type !== ITEM.root) return undefined;
  const { data } = item;
  if (data.length < ROOT_LENGTH) throw new UnreadableError(`the root of its tree ${id} has ${data.length} bytes`);
  if (data.readUInt32LE(216) === 0) return undefined;
  const level = data.readUInt8(238);
  if (level > MAX_LEVEL) throw new UnreadableError(`its tree ${id} has the level ${level}`);
  const top = {
    address: number64(data, 176, 'address of a tree'),
    level,
    generation: number64(data, 160, 'generation of a tree'),
  };
  return { id, top, rootFolder: number64(data, 168, 'root folder of a tree') };
}

/** @throws {UnreadableError} */
export async function requireTree(metadata: BtrfsMetadata, id: number): Promise<Subvolume> {
  const tree = await findTree(metadata, id);
  if (tree === undefined) throw new UnreadableError(`it has no tree ${id}`);
  return tree;
}

/** The subvolume that is mounted if none is named. @throws {UnreadableError} */
export async function defaultSubvolume(metadata: BtrfsMetadata): Promise<number> {
  const key = { objectId: ROOT_FOLDER, type: ITEM.folderName, offset: hashOf(DEFAULT) };
  const item = await findItem(metadata, rootTreeOf(metadata), key);
  for (const { name, target } of item === undefined ? [] : entriesIn(item)) {
    if (name.equals(DEFAULT)) return target.objectId;
  }
  return TREE.topLevel;
}

/** Whether the entry of a folder leads to the subvolume. In a snapshot of its parent it does not: there it is an empty folder. */
export async function isReferenced(
  metadata: BtrfsMetadata,
  subvolume: number,
  parent: { readonly tree: number; readonly folder: number; readonly name: Buffer },
): Promise<boolean> {
  const key = { objectId: parent.tree, type: ITEM.rootReference, offset: subvolume };
  const data = (await findItem(metadata, rootTreeOf(metadata), key))?.data;
  if (data === undefined || data.length < 18) return false;
  const name = data.subarray(18, 18 + data.readUInt16LE(16));
  return roughly64(data, 0) === parent.folder && name.equals(parent.name);
}
