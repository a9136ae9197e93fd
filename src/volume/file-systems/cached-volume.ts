// CachedVolume: pieces of a volume of one length, of which those that were used last stay in memory.
import { UnreadableError, type VolumeBytes } from './opened-file-system.ts';

/** Bytes kept at most. */
const CAPACITY = 4 * 1024 * 1024;

export class CachedVolume {
  readonly pieceLength: number;
  readonly #volume: VolumeBytes;
  readonly #limit: number;
  /** In the order of their use, the oldest first. */
  readonly #pieces = new Map<number, Buffer>();

  /** @param pieceLength In bytes: a block or a sector of the file system. */
  constructor(volume: VolumeBytes, pieceLength: number) {
    this.#volume = volume;
    this.pieceLength = pieceLength;
    this.#limit = Math.max(8, Math.floor(CAPACITY / pieceLength));
  }

  /**
   * The piece from `index * pieceLength` on, which others use too: do not change it. Bytes beyond the end of the volume are zeros.
   * @throws {UnreadableError} the piece is not in the volume.
   */
  async piece(index: number): Promise<Buffer> {
    const known = this.#pieces.get(index);
    if (known !== undefined) {
      this.#pieces.delete(index);
      this.#pieces.set(index, known);
      return known;
    }
    const offset = index * this.pieceLength;
    const length = Math.min(this.pieceLength, this.#volume.size - offset);
    if (!Number.isSafeInteger(offset) || offset < 0 || length <= 0) {
      throw new UnreadableError(`it refers to byte ${offset}, but the volume ends at ${this.#volume.size}`);
    }
    const piece = Buffer.alloc(this.pieceLength);
    await this.#volume.read({ offset, length }, piece.subarray(0, length));
    this.#pieces.set(index, piece);
    for (const oldest of this.#pieces.keys()) {
      if (this.#pieces.size <= this.#limit) break;
      this.#pieces.delete(oldest);
    }
    return piece;
  }
}
