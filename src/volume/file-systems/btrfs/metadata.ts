// BtrfsMetadata: reads tree blocks, checks that each is what its pointer says, and keeps the last ones.
import { UnreadableError, type VolumeBytes } from '../opened-file-system.ts';
import type { ChunkMap } from './chunk-map.ts';
import { number64, roughly64 } from './numbers.ts';
import { type BlockPointer, type BtrfsSuperblock, CHECKSUM_FIELD } from './superblock.ts';
import { TreeNode } from './tree-node.ts';

/** In bytes, of all blocks that are kept. */
const MAX_KEPT = 4 * 1024 * 1024;

/** Trees of files share blocks with their snapshots, whose numbers these blocks may have as their owners. */
const FIRST_SUBVOLUME = 256;
export const TREE = { root: 1, extents: 2, chunks: 3, topLevel: 5, checksums: 7, blockGroups: 11 } as const;

/** A tree: its number, and its first block. */
export interface Tree {
  readonly id: number;
  readonly top: BlockPointer;
}

export class BtrfsMetadata {
  readonly superblock: BtrfsSuperblock;
  readonly chunks: ChunkMap;
  readonly #volume: VolumeBytes;
  /** By address, in the order of use. */
  readonly #kept = new Map<number, TreeNode>();

  constructor(volume: VolumeBytes, superblock: BtrfsSuperblock, chunks: ChunkMap) {
    this.superblock = superblock;
    this.chunks = chunks;
    this.#volume = volume;
  }

  /** Fills `into` from a place of the device. */
  async fill(offset: number, into: Uint8Array): Promise<void> {
    await this.#volume.read({ offset, length: into.length }, into);
  }

  /** A block of a tree, from the first copy that is sound. @throws {UnreadableError} none is. */
  async node(tree: number, pointer: BlockPointer): Promise<TreeNode> {
    const node = await this.#keep(pointer.address);
    const problem = this.#mismatchOf(node, tree, pointer);
    if (problem !== undefined) throw fail(pointer.address, problem);
    return node;
  }

  async #keep(address: number): Promise<TreeNode> {
    const known = this.#kept.get(address);
    const node = known ?? (await this.#load(address));
    this.#kept.delete(address);
    this.#kept.set(address, node);
    const limit = MAX_KEPT / this.superblock.nodeSize;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= limit) break;
      this.#kept.delete(oldest);
    }
    return node;
  }

  async #load(address: number): Promise<TreeNode> {
    const { nodeSize, sectorSize } = this.superblock;
    if (address % sectorSize !== 0) throw fail(address, 'is not at a sector');
    let problem = 'does not exist';
    for (const place of this.chunks.placesOf(address, nodeSize, 'a tree block')) {
      const bytes = Buffer.alloc(nodeSize);
      await this.fill(place, bytes);
      const found = this.#problemOf(bytes, address);
      if (found === undefined) return new TreeNode(bytes);
      problem = found;
    }
    throw fail(address, problem);
  }

  #problemOf(bytes: Buffer, address: number): string | undefined {
    const { checksum, metadataUuid } = this.superblock;
    if (!checksum.isRight(bytes, bytes.subarray(CHECKSUM_FIELD))) return 'has a wrong checksum';
    if (roughly64(bytes, 48) !== address) return `was written for the address ${bytes.readBigUInt64LE(48)}`;
    if (!bytes.subarray(32, 48).equals(metadataUuid)) return 'is of another file system';
    return TreeNode.problemOf(bytes);
  }

  #mismatchOf({ bytes, level }: TreeNode, tree: number, pointer: BlockPointer): string | undefined {
    if (level !== pointer.level) return `has the level ${level}, not ${pointer.level}`;
    const generation = number64(bytes, 80, 'generation of a tree block');
    if (generation !== pointer.generation) return `is of the generation ${generation}, not ${pointer.generation}`;
    const owner = roughly64(bytes, 88);
    const isShared = tree === TREE.topLevel || tree >= FIRST_SUBVOLUME;
    return isShared || owner === tree ? undefined : `belongs to the tree ${owner}, not ${tree}`;
  }
}

function fail(address: number, problem: string): UnreadableError {
  return new UnreadableError(`its tree block at the address ${address} ${problem}`);
}
