// TreeNode: a block of a tree, with items in leaves and pointers to blocks in the others
// (Linux kernel, struct btrfs_header, btrfs_item, btrfs_key_ptr; fs/btrfs/tree-checker.c).
import { number64 } from './numbers.ts';
import type { BlockPointer } from './superblock.ts';
import { compareStored, compareToKey, type Key, keyAt } from './tree-key.ts';

/** In bytes. The offsets of items count from the end of the header. */
const HEADER_LENGTH = 101;
const ITEM_LENGTH = 25;
const POINTER_LENGTH = 33;

export interface TreeItem extends Key {
  /** To be read only: others use it too. */
  readonly data: Buffer;
}

export class TreeNode {
  readonly level: number;
  /** Number of items or pointers. */
  readonly count: number;
  readonly bytes: Buffer;

  /** @param bytes A whole block. Check it with `problemOf` first. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.level = bytes.readUInt8(100);
    this.count = bytes.readUInt32LE(96);
  }

  /** What is wrong with the items or pointers: their number, order and places. */
  static problemOf(bytes: Buffer): string | undefined {
    const node = new TreeNode(bytes);
    const room = Math.floor((bytes.length - HEADER_LENGTH) / node.#entryLength);
    if (node.count > room) return `has ${node.count} entries, where ${room} fit`;
    for (let index = 1; index < node.count; index++) {
      if (compareStored(bytes, node.keyOffset(index - 1), bytes, node.keyOffset(index)) >= 0) {
        return 'has keys that are not in order';
      }
    }
    if (node.level > 0) return node.count === 0 ? 'has no entries' : undefined;
    let end = bytes.length - HEADER_LENGTH;
    for (let index = 0; index < node.count; index++) {
      const at = node.keyOffset(index) + 17;
      const [start, length] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
      if (start + length !== end) return 'has items that do not follow one another';
      end = start;
    }
    return end < node.count * ITEM_LENGTH ? 'has items that overlap' : undefined;
  }

  get #entryLength(): number {
    return this.level === 0 ? ITEM_LENGTH : POINTER_LENGTH;
  }

  keyOffset(index: number): number {
    return HEADER_LENGTH + index * this.#entryLength;
  }

  /** The block below a pointer. @throws {UnreadableError} its numbers are too large. */
  child(index: number): BlockPointer {
    const at = this.keyOffset(index);
    return {
      address: number64(this.bytes, at + 17, 'address of a tree block'),
      level: this.level - 1,
      generation: number64(this.bytes, at + 25, 'generation of a tree block'),
    };
  }

  item(index: number): TreeItem {
    const at = this.keyOffset(index);
    const start = HEADER_LENGTH + this.bytes.readUInt32LE(at + 17);
    const data = this.bytes.subarray(start, start + this.bytes.readUInt32LE(at + 21));
    return { ...keyAt(this.bytes, at), data };
  }

  /** Index of the last entry whose key is not after `key`; -1 if all are. */
  floorOf(key: Key): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareToKey(this.bytes, this.keyOffset(middle), key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
