// The extents of a file: a list in its inode, or a tree of blocks (xfs_format.h, struct xfs_bmbt_rec, xfs_bmdr_block, xfs_btree_block).
import { UnreadableError } from '../opened-file-system.ts';
import type { XfsInode } from './inode.ts';
import type { BlockKind, XfsMetadata } from './metadata.ts';
import { isInOneGroup, offsetOfBlock } from './superblock.ts';

/** In bytes: an extent, a key or pointer of a tree, the head of a root in an inode. */
const EXTENT_LENGTH = 16;
const WORD_LENGTH = 8;
const ROOT_HEAD = 4;
/** The deepest tree of extents (XFS_BM_MAXLEVELS is less for all geometries). */
const MAX_LEVEL = 12;

const TREE_BLOCK: BlockKind = {
  name: 'block of extents',
  magicsOfV4: ['BMAP'],
  magicsOfV5: ['BMA3'],
  checksumAt: 64,
  addressAt: 24,
  uuidAt: 40,
  ownerAt: 56,
  ownerLength: 8,
};

/** Successive blocks of a file. */
export interface XfsExtent {
  /** The first block in the file. */
  readonly start: number;
  readonly count: number;
  /** The first block on the volume. The whole extent is inside one group. */
  readonly block: number;
  /** Preallocated: reads as zeros. */
  readonly isUnwritten: boolean;
}

/** The children of a node: the first block in the file that each covers, and its block on the volume. */
interface Node {
  readonly level: number;
  readonly keys: readonly number[];
  readonly children: readonly number[];
}

/** Reads the extents of one file in their order. They ascend strictly, so a tree with a loop ends with an error. */
export class XfsExtents {
  readonly #metadata: XfsMetadata;
  readonly #inode: XfsInode;

  constructor(metadata: XfsMetadata, inode: XfsInode) {
    this.#metadata = metadata;
    this.#inode = inode;
  }

  /**
   * The extents that have any of the blocks from `from` (inclusive) to `to` (exclusive) of the file.
   * @throws {UnreadableError}
   */
  async *between(from: number, to: number): AsyncGenerator<XfsExtent> {
    let next = 0;
    for await (const extent of this.#allFrom(from)) {
      if (extent.start < next) throw this.#fail('has extents that are not in order');
      next = extent.start + extent.count;
      if (extent.start >= to) return;
      if (next > from) yield extent;
    }
  }

  async *#allFrom(from: number): AsyncGenerator<XfsExtent> {
    const { format, fork, extents } = this.#inode;
    if (format === 'tree') yield* this.#below(this.#root(), from);
    else if (format !== 'extents') throw this.#fail('has no extents');
    else if (extents * EXTENT_LENGTH > fork.length) throw this.#fail(`has ${extents} extents in ${fork.length} bytes`);
    else yield* this.#records(fork, 0, extents);
  }

  /** Levels descend by one from node to node, which limits the depth. */
  async *#below({ level, keys, children }: Node, from: number): AsyncGenerator<XfsExtent> {
    for (const [index, child] of children.entries()) {
      const nextKey = keys[index + 1];
      if (nextKey !== undefined && nextKey <= from) continue;
      const block = await this.#treeBlock(child, level - 1);
      const head = this.#metadata.superblock.features.hasChecksums ? 72 : 24;
      const count = block.readUInt16BE(6);
      if (level > 1) yield* this.#below(this.#node(block.subarray(head), level - 1, count), from);
      else if (count === 0 || count * EXTENT_LENGTH > block.length - head)
        throw this.#fail('has a leaf of extents that is damaged');
      else yield* this.#records(block, head, count);
    }
  }

  #root(): Node {
    const { fork } = this.#inode;
    if (fork.length < ROOT_HEAD) throw this.#fail('has no room for its tree of extents');
    const level = fork.readUInt16BE(0);
    if (level === 0 || level > MAX_LEVEL) throw this.#fail(`has a tree of extents with ${level} levels`);
    return this.#node(fork.subarray(ROOT_HEAD), level, fork.readUInt16BE(2));
  }

  /** Keys come first, then the pointers, each with room for as many as fit. */
  #node(body: Buffer, level: number, count: number): Node {
    const room = Math.floor(body.length / (2 * WORD_LENGTH));
    if (count === 0 || count > room) throw this.#fail(`has a node of extents with ${count} of ${room} children`);
    const words = (start: number) =>
      Array.from({ length: count }, (_, index) => Number(body.readBigUInt64BE(start + index * WORD_LENGTH)));
    return { level, keys: words(0), children: words(room * WORD_LENGTH) };
  }

  async #treeBlock(block: number, level: number): Promise<Buffer> {
    const { superblock } = this.#metadata;
    if (!Number.isSafeInteger(block) || !isInOneGroup(superblock, block, 1)) {
      throw this.#fail(`refers to the block ${block}, which does not exist`);
    }
    const piece = { offset: offsetOfBlock(superblock, block), length: superblock.blockSize };
    const bytes = await this.#metadata.block([piece], TREE_BLOCK, this.#inode.number);
    if (bytes.readUInt16BE(4) !== level)
      throw this.#fail(`has a block of extents of level ${bytes.readUInt16BE(4)}, not ${level}`);
    return bytes;
  }

  *#records(bytes: Buffer, start: number, count: number): Generator<XfsExtent> {
    for (let index = 0; index < count; index++) {
      const extent = decode(bytes, start + index * EXTENT_LENGTH);
      if (extent.count === 0 || !isInOneGroup(this.#metadata.superblock, extent.block, extent.count)) {
        throw this.#fail(`has an extent of ${extent.count} blocks at ${extent.block}, outside of its groups`);
      }
      yield extent;
    }
  }

  #fail(problem: string): UnreadableError {
    return new UnreadableError(`its inode ${this.#inode.number} ${problem}`);
  }
}

/** 128 bits: 1 unwritten, 54 block in the file, 52 block on the volume, 21 number of blocks. */
function decode(bytes: Buffer, at: number): XfsExtent {
  const [first, second] = [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
  const [third, fourth] = [bytes.readUInt32BE(at + 8), bytes.readUInt32BE(at + 12)];
  return {
    isUnwritten: first >= 2 ** 31,
    start: (first % 2 ** 31) * 2 ** 23 + (second >>> 9),
    block: (second & 0x1ff) * 2 ** 43 + third * 2 ** 11 + (fourth >>> 21),
    count: fourth & 0x1fffff,
  };
}
