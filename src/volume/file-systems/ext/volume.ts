// ExtVolume: the blocks of an ext file system, and the checksums of its metadata.
import { CachedVolume } from '../cached-volume.ts';
import { UnreadableError, type VolumeBytes } from '../opened-file-system.ts';
import { READ_ONLY } from './features.ts';
import type { Superblock } from './superblock.ts';

export class ExtVolume {
  readonly superblock: Superblock;
  /** Whether metadata has checksums (metadata_csum). */
  readonly hasChecksums: boolean;
  readonly #volume: VolumeBytes;
  readonly #cache: CachedVolume;
  /** Blocks whose checksum was found right. */
  readonly #verified = new WeakSet<Buffer>();

  constructor(volume: VolumeBytes, superblock: Superblock) {
    this.superblock = superblock;
    this.hasChecksums = (superblock.readOnly & READ_ONLY.metadataChecksum) !== 0;
    this.#volume = volume;
    this.#cache = new CachedVolume(volume, superblock.blockSize);
  }

  get size(): number {
    return this.#volume.size;
  }

  /** Whether `count` blocks from `block` on are in the file system. Block 0 is never that of a file. */
  holds(block: number, count: number): boolean {
    return block > 0 && count > 0 && block + count <= this.superblock.blocks;
  }

  /**
   * A block of metadata, which others use too: do not change it.
   * @param what For the message: "the extents of inode 12".
   */
  async block(block: number, what: string): Promise<Buffer> {
    if (block < 0 || block >= this.superblock.blocks) {
      throw new UnreadableError(`${what} should be in block ${block}, but it has ${this.superblock.blocks} blocks`);
    }
    return await this.#cache.piece(block);
  }

  /** Runs `isRight` once for a block that stays in memory. @throws {UnreadableError} it is not. */
  requireChecksum(bytes: Buffer, what: string, isRight: () => boolean): void {
    if (!this.hasChecksums || this.#verified.has(bytes)) return;
    if (!isRight()) throw new UnreadableError(`the checksum of ${what} is wrong`);
    this.#verified.add(bytes);
  }

  /** Fills `into` with the content of a file from a byte of a block on, past the cache. */
  async readContent(block: number, offsetInBlock: number, into: Uint8Array): Promise<void> {
    const offset = block * this.superblock.blockSize + offsetInBlock;
    await this.#volume.read({ offset, length: into.length }, into);
  }
}
