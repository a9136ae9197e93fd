// What the extent tree says is in use, and the counters of block groups that it must agree with
// (Linux kernel, struct btrfs_extent_item, btrfs_block_group_item).
import { UnreadableError } from '../opened-file-system.ts';
import type { Chunk } from './chunk-map.ts';
import { type BtrfsMetadata, TREE, type Tree } from './metadata.ts';
import { number64, roughly64 } from './numbers.ts';
import { requireTree } from './roots.ts';
import { findItem, itemsFromFloor } from './tree.ts';
import { ITEM } from './tree-key.ts';

/** Logical addresses in use. */
export interface Extent {
  readonly address: number;
  readonly length: number;
}

/** The extents from an address on that begin before `end`, in the order of the addresses. @throws {UnreadableError} */
export async function* extentsFrom(
  { metadata, tree }: ExtentTree,
  from = 0,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<Extent> {
  const { nodeSize } = metadata.superblock;
  const key = { type: 0, offset: 0 };
  const items = itemsFromFloor(metadata, tree, { objectId: from, ...key }, { objectId: end, ...key });
  for await (const { objectId, type, offset } of items) {
    if (objectId < from || (type !== ITEM.extent && type !== ITEM.metadataExtent)) continue;
    // The offset of a metadata extent is its level.
    yield { address: objectId, length: type === ITEM.extent ? offset : nodeSize };
  }
}

export interface ExtentTree {
  readonly metadata: BtrfsMetadata;
  readonly tree: Tree;
}

/**
 * Opens the extent tree, and checks it: extents do not overlap, are inside of chunks, and are as many bytes as block groups and superblock count.
 * @throws {UnreadableError}
 */
export async function openExtentTree(metadata: BtrfsMetadata): Promise<ExtentTree> {
  const { superblock, chunks } = metadata;
  const opened = { metadata, tree: await requireTree(metadata, TREE.extents) };
  const groups = superblock.features.hasBlockGroupTree ? await requireTree(metadata, TREE.blockGroups) : opened.tree;
  const onDevice = chunks.chunks.reduce((sum, { length, copies }) => sum + length * copies.length, 0);
  if (onDevice !== superblock.deviceBytesUsed) {
    throw new UnreadableError(`its chunks have ${onDevice} bytes, but its device counts ${superblock.deviceBytesUsed}`);
  }
  let total = 0;
  const found = await bytesInChunks(opened);
  for (const chunk of chunks.chunks) {
    const counted = await bytesCounted(metadata, groups, chunk);
    const bytes = found.get(chunk) ?? 0;
    if (bytes !== counted) {
      throw new UnreadableError(
        `its block group at the address ${chunk.start} has extents of ${bytes} bytes, but counts ${counted}`,
      );
    }
    total += bytes;
  }
  if (total !== superblock.bytesUsed) {
    throw new UnreadableError(`its extents have ${total} bytes, but its superblock counts ${superblock.bytesUsed}`);
  }
  return opened;
}

async function bytesInChunks(tree: ExtentTree): Promise<ReadonlyMap<Chunk, number>> {
  const bytes = new Map<Chunk, number>();
  let next = 0;
  for await (const { address, length } of extentsFrom(tree)) {
    const chunk = tree.metadata.chunks.holderOf(address, length);
    if (chunk === undefined || length === 0 || address < next) {
      throw new UnreadableError(`its extent of ${length} bytes at the address ${address} overlaps others or its chunk`);
    }
    next = address + length;
    bytes.set(chunk, (bytes.get(chunk) ?? 0) + length);
  }
  return bytes;
}

async function bytesCounted(metadata: BtrfsMetadata, groups: Tree, { start, length, type }: Chunk): Promise<number> {
  const item = await findItem(metadata, groups, { objectId: start, type: ITEM.blockGroup, offset: length });
  const fail = (problem: string) => new UnreadableError(`its chunk at the address ${start} ${problem}`);
  if (item === undefined || item.data.length < 24) throw fail('has no block group');
  const flags = roughly64(item.data, 16);
  if (flags !== type) throw fail(`is of the type ${type}, but its block group of the type ${flags}`);
  return number64(item.data, 0, 'number of bytes used of a block group');
}
