// Entries of folders as items store them (Linux kernel, struct btrfs_dir_item; fs/btrfs/ctree.h, btrfs_name_hash).
import { isUtf8 } from 'node:buffer';
import { crc32c } from '../ext/checksums.ts';
import { UnreadableError } from '../opened-file-system.ts';
import { type Key, keyAt } from './tree-key.ts';
import type { TreeItem } from './tree-node.ts';

/** In bytes, before the name. */
const ENTRY_LENGTH = 30;
const MAX_NAME = 255;
/** The state with which the checksum of a name begins. */
const SEED = 0xfffffffe;

export interface FolderEntry {
  readonly name: Buffer;
  /** The key of an inode of the same tree, or of the root of another one. */
  readonly target: Key;
}

/** The offset of the items that have the name. Different names may have the same. */
export function hashOf(name: Uint8Array): number {
  return crc32c(SEED, name);
}

/** The entries in one item. @throws {UnreadableError} */
export function* entriesIn({ objectId, data }: TreeItem): Generator<FolderEntry> {
  const fail = (problem: string) => new UnreadableError(`its folder with the inode ${objectId} ${problem}`);
  for (let at = 0; at < data.length; ) {
    if (at + ENTRY_LENGTH > data.length) throw fail('has an entry that is cut off');
    const nameEnd = at + ENTRY_LENGTH + data.readUInt16LE(at + 27);
    const end = nameEnd + data.readUInt16LE(at + 25);
    if (end > data.length) throw fail('has an entry that is cut off');
    const name = data.subarray(at + ENTRY_LENGTH, nameEnd);
    if (!isName(name)) throw fail('has a name that is not valid');
    yield { name, target: keyAt(data, at) };
    at = end;
  }
}

function isName(name: Buffer): boolean {
  const isLength = name.length > 0 && name.length <= MAX_NAME;
  return isLength && !name.includes(0) && !name.includes('/') && !name.equals(DOT) && !name.equals(TWO_DOTS);
}

const DOT = Buffer.from('.');
const TWO_DOTS = Buffer.from('..');

/** Names are bytes. Those that are not UTF-8 are shown as Latin-1, so that each has a path. */
export function textOf(name: Buffer): string {
  return isUtf8(name) ? name.toString('utf8') : name.toString('latin1');
}

/** The names that are shown as this text. */
export function bytesOf(text: string): Buffer[] {
  const latin1 = Buffer.from(text, 'latin1');
  const isShown = !isUtf8(latin1) && latin1.toString('latin1') === text;
  return [Buffer.from(text, 'utf8'), ...(isShown ? [latin1] : [])];
}
