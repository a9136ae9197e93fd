// Finds items in trees, and walks over them in the order of their keys.
import { UnreadableError } from '../opened-file-system.ts';
import type { BtrfsMetadata, Tree } from './metadata.ts';
import { compareStored, compareToKey, type Key } from './tree-key.ts';
import type { TreeItem, TreeNode } from './tree-node.ts';

/** A leaf, and the index of the first item in it that counts. */
export interface Leaf {
  readonly node: TreeNode;
  readonly first: number;
}

/** A block on the way to a leaf, and the index of the pointer that was followed. */
interface Step {
  readonly node: TreeNode;
  index: number;
  /** The block in the step before, whose key at `endAt` is after all keys of this one. */
  readonly end: TreeNode | undefined;
  readonly endAt: number;
}

/**
 * The leaves from the last item on that is not after `from`, or from the first item of the tree.
 * A block begins with the key of its pointer and ends before the next one. So keys ascend, and a tree with a loop ends with an error.
 * @throws {UnreadableError}
 */
export async function* leavesFrom(metadata: BtrfsMetadata, tree: Tree, from: Key): AsyncGenerator<Leaf> {
  const top = await metadata.node(tree.id, tree.top);
  const steps: Step[] = [{ node: top, index: Math.max(0, top.floorOf(from)), end: undefined, endAt: 0 }];
  for (let step = steps.at(-1); step !== undefined; step = steps.at(-1)) {
    const { node, index } = step;
    if (node.level === 0) {
      if (node.count > 0) yield { node, first: index };
      steps.pop();
      continue;
    }
    if (index >= node.count) {
      steps.pop();
      continue;
    }
    step.index++;
    const child = await childOf(metadata, tree, step, index);
    steps.push({ ...child, index: Math.max(0, child.node.floorOf(from)) });
  }
}

async function childOf(
  metadata: BtrfsMetadata,
  tree: Tree,
  { node: parent, end, endAt }: Step,
  index: number,
): Promise<Omit<Step, 'index'>> {
  const node = await metadata.node(tree.id, parent.child(index));
  const isFirst =
    node.count > 0 && compareStored(node.bytes, node.keyOffset(0), parent.bytes, parent.keyOffset(index)) === 0;
  const limit = index + 1 < parent.count ? { end: parent, endAt: parent.keyOffset(index + 1) } : { end, endAt };
  const isBefore =
    isFirst &&
    (limit.end === undefined ||
      compareStored(node.bytes, node.keyOffset(node.count - 1), limit.end.bytes, limit.endAt) < 0);
  if (!isBefore) {
    throw new UnreadableError(`its tree ${tree.id} has a block at ${parent.child(index).address} with keys of others`);
  }
  return { node, ...limit };
}

/** The items from the last one that is not after `from`, up to `to` (exclusive). @throws {UnreadableError} */
export async function* itemsFromFloor(
  metadata: BtrfsMetadata,
  tree: Tree,
  from: Key,
  to: Key,
): AsyncGenerator<TreeItem> {
  for await (const { node, first } of leavesFrom(metadata, tree, from)) {
    for (let index = first; index < node.count; index++) {
      if (compareToKey(node.bytes, node.keyOffset(index), to) >= 0) return;
      yield node.item(index);
    }
  }
}

/** The items of one type of an object, in the order of their offsets. @throws {UnreadableError} */
export async function* itemsOf(
  metadata: BtrfsMetadata,
  tree: Tree,
  objectId: number,
  type: number,
): AsyncGenerator<TreeItem> {
  const from = { objectId, type, offset: 0 };
  for await (const item of itemsFromFloor(metadata, tree, from, { ...from, type: type + 1 })) {
    if (item.objectId === objectId && item.type === type) yield item;
  }
}

/** The item with exactly this key. @throws {UnreadableError} */
export async function findItem(metadata: BtrfsMetadata, tree: Tree, key: Key): Promise<TreeItem | undefined> {
  const item = await findFloor(metadata, tree, key);
  const isSame = item?.objectId === key.objectId && item.type === key.type && item.offset === key.offset;
  return isSame ? item : undefined;
}

/** The last item that is not after `key`. @throws {UnreadableError} */
export async function findFloor(metadata: BtrfsMetadata, tree: Tree, key: Key): Promise<TreeItem | undefined> {
  for await (const { node, first } of leavesFrom(metadata, tree, key)) {
    const item = node.item(first);
    return compareToKey(node.bytes, node.keyOffset(first), key) <= 0 ? item : undefined;
  }
  return undefined;
}
