// Folders: the names in them, and where a name leads, into other subvolumes too.
import { UnreadableError } from '../opened-file-system.ts';
import { bytesOf, entriesIn, type FolderEntry, hashOf, textOf } from './folder-entry.ts';
import { type BtrfsInode, emptyFolder, readInode } from './inode.ts';
import type { BtrfsMetadata } from './metadata.ts';
import { findTree, isReferenced } from './roots.ts';
import { findItem, itemsOf } from './tree.ts';
import { ITEM } from './tree-key.ts';

/** The names of a folder in the order in which they were made. @throws {UnreadableError} */
export async function* namesIn(metadata: BtrfsMetadata, folder: BtrfsInode): AsyncGenerator<string> {
  for await (const item of itemsOf(metadata, folder.subvolume, folder.number, ITEM.folderIndex)) {
    for (const { name } of entriesIn(item)) yield textOf(name);
  }
}

/** Undefined if the folder has no such name. @throws {UnreadableError} */
export async function lookUp(
  metadata: BtrfsMetadata,
  folder: BtrfsInode,
  text: string,
): Promise<BtrfsInode | undefined> {
  for (const name of bytesOf(text)) {
    const key = { objectId: folder.number, type: ITEM.folderName, offset: hashOf(name) };
    const item = await findItem(metadata, folder.subvolume, key);
    for (const entry of item === undefined ? [] : entriesIn(item)) {
      if (entry.name.equals(name)) return await targetOf(metadata, folder, entry);
    }
  }
  return undefined;
}

async function targetOf(
  metadata: BtrfsMetadata,
  folder: BtrfsInode,
  { name, target }: FolderEntry,
): Promise<BtrfsInode> {
  const { subvolume, number } = folder;
  if (target.type === ITEM.inode) return await readInode(metadata, subvolume, target.objectId);
  if (target.type !== ITEM.root) {
    throw new UnreadableError(`its folder with the inode ${number} has an entry of the type ${target.type}`);
  }
  const parent = { tree: subvolume.id, folder: number, name };
  if (!(await isReferenced(metadata, target.objectId, parent))) return emptyFolder(subvolume);
  const other = await findTree(metadata, target.objectId);
  if (other === undefined) throw new UnreadableError(`it has no subvolume ${target.objectId}`);
  return await readInode(metadata, other, other.rootFolder);
}
