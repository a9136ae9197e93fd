// $I30, the index of a folder: a B-tree of names, its root in the record and its blocks in clusters
// (ntfs-3g layout.h, INDEX_ROOT, INDEX_BLOCK, INDEX_ENTRY, FILE_NAME_ATTR).
import { UnreadableError } from '../opened-file-system.ts';
import { FILE_NAME, INDEX_ALLOCATION, INDEX_ROOT } from './attribute.ts';
import type { FileRecord } from './file-record.ts';
import { restoreFixups } from './fixups.ts';
import type { Mft } from './mft.ts';
import { type FileReference, referenceAt, safeNumber } from './numbers.ts';
import { Stream } from './stream.ts';

export interface FolderEntry {
  readonly name: string;
  readonly reference: FileReference;
  /** Only for programs that know 8.3 names. The file has another entry with its whole name. */
  readonly isShortName: boolean;
}

interface IndexEntry {
  /** Undefined in the last entry of a node. */
  readonly entry: FolderEntry | undefined;
  /** The block with the names before this one. */
  readonly child: number | undefined;
}

interface Tree {
  readonly blockLength: number;
  readonly blocks: Stream | undefined;
}

const NAME_OF_INDEX = '$I30';
const HAS_CHILD = 0x1;
const IS_LAST = 0x2;
const SHORT_NAME = 2;
const ENTRY_HEAD = 16;
const NAME_AT = ENTRY_HEAD + 66;
const MAX_BLOCK = 64 * 1024;
/** More than enough for the most names that are read. */
const MAX_BLOCKS = 65_536;
const MAX_DEPTH = 32;

/**
 * Walks the entries in the order of the tree.
 * @param place Where the wanted name lies: negative before this name, 0 at it, positive behind it. Undefined to walk all.
 * @param take Returns false to stop.
 * @throws {UnreadableError}
 */
export async function walkFolder(
  mft: Mft,
  folder: FileRecord,
  place: ((name: string) => number) | undefined,
  take: (entry: FolderEntry) => boolean,
): Promise<void> {
  const { tree, root } = await openTree(mft, folder);
  const visited = new Set<number>();
  const stack = [{ entries: root, next: 0 }];
  for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
    const found = node.entries[node.next >> 1];
    const isDescent = node.next++ % 2 === 0;
    if (found === undefined) {
      stack.pop();
      continue;
    }
    const { entry, child } = found;
    const order = entry === undefined || place === undefined ? -1 : place(entry.name);
    if (isDescent) {
      if (child === undefined || order > 0) continue;
      if (visited.has(child) || visited.size >= MAX_BLOCKS || stack.length >= MAX_DEPTH) {
        throw new UnreadableError(`the index of file record ${folder.number} has a loop, or too many blocks`);
      }
      visited.add(child);
      stack.push({ entries: await readBlock(mft, tree, child, folder.number), next: 0 });
    } else if (entry !== undefined) {
      if (place !== undefined && order < 0) return;
      if (order > 0 && place !== undefined) continue;
      if (!take(entry)) return;
    }
  }
}

async function openTree(mft: Mft, folder: FileRecord): Promise<{ tree: Tree; root: readonly IndexEntry[] }> {
  const isIndex = (name: string) => name === NAME_OF_INDEX;
  const stream = await Stream.open(mft, folder, INDEX_ROOT, isIndex);
  if (stream === undefined || stream.size < 32 || stream.size > MAX_BLOCK) {
    throw new UnreadableError(`file record ${folder.number} of its MFT is not a folder`);
  }
  const root = await stream.read(0, stream.size);
  const blockLength = root.readUInt32LE(8);
  if (root.readUInt32LE(0) !== FILE_NAME || blockLength < 512 || blockLength > MAX_BLOCK || blockLength % 512 !== 0) {
    throw new UnreadableError(
      `the index of file record ${folder.number} is none of names, or has blocks of ${blockLength} bytes`,
    );
  }
  const blocks = await Stream.open(mft, folder, INDEX_ALLOCATION, isIndex);
  return { tree: { blockLength, blocks }, root: entriesOf(root, 16, folder.number) };
}

/** @param vcn The place of the block in clusters, or in 512 bytes if clusters are larger than blocks. */
async function readBlock(
  mft: Mft,
  { blocks, blockLength }: Tree,
  vcn: number,
  number: number,
): Promise<readonly IndexEntry[]> {
  const unit = blockLength < mft.geometry.clusterSize ? 512 : mft.geometry.clusterSize;
  const block = (await blocks?.read(vcn * unit, blockLength)) ?? Buffer.alloc(0);
  if (block.length !== blockLength || !restoreFixups(block, 'INDX') || Number(block.readBigUInt64LE(16)) !== vcn) {
    throw new UnreadableError(`block ${vcn} of the index of file record ${number} is damaged`);
  }
  return entriesOf(block, 24, number);
}

/** @param header Offset of the index header. */
function entriesOf(bytes: Buffer, header: number, number: number): IndexEntry[] {
  const damaged = () => new UnreadableError(`the index of file record ${number} has a damaged entry`);
  let at = header + bytes.readUInt32LE(header);
  const end = header + bytes.readUInt32LE(header + 4);
  if (end > bytes.length) throw damaged();
  const entries: IndexEntry[] = [];
  while (at + ENTRY_HEAD <= end) {
    const [length, keyLength, flags] = [
      bytes.readUInt16LE(at + 8),
      bytes.readUInt16LE(at + 10),
      bytes.readUInt16LE(at + 12),
    ];
    const hasChild = (flags & HAS_CHILD) !== 0;
    if (length < ENTRY_HEAD + (hasChild ? 8 : 0) || length % 8 !== 0 || at + length > end) throw damaged();
    const child = hasChild ? safeNumber(bytes.readBigUInt64LE(at + length - 8), 'a block of an index') : undefined;
    if ((flags & IS_LAST) !== 0) return [...entries, { entry: undefined, child }];
    const stored = bytes.subarray(at, at + length);
    const nameEnd = length < NAME_AT ? length + 1 : NAME_AT + 2 * stored.readUInt8(ENTRY_HEAD + 64);
    if (nameEnd > ENTRY_HEAD + keyLength || nameEnd > length) throw damaged();
    const entry = {
      name: stored.toString('utf16le', NAME_AT, nameEnd),
      reference: referenceAt(stored, 0),
      isShortName: stored.readUInt8(ENTRY_HEAD + 65) === SHORT_NAME,
    };
    entries.push({ entry, child });
    at += length;
  }
  throw damaged();
}
