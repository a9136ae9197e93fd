// A large table of an image file (a BAT), read in slices and kept in bounded memory whatever the size of the disk.
import type { ImageBytes } from './image-bytes.ts';

/** Small enough to cost nothing for a small disk, large enough that a walk over a large one takes few reads. */
const SLICE_BYTES = 256 * 1024;

/** Slices kept: 8 × 256 KiB = 2 MiB for each file of a chain. Reads move through a table together, so few are in use. */
const MAX_SLICES = 8;

/** `length` bytes of `file` from `offset` on, addressed by entry. The caller has checked that they lie inside the file. */
export class PagedTable {
  readonly #file: ImageBytes;
  readonly #offset: number;
  readonly #length: number;
  /** Insertion order is order of use: the first key is the least recently used. */
  readonly #slices = new Map<number, Promise<DataView>>();

  constructor(file: ImageBytes, offset: number, length: number) {
    this.#file = file;
    this.#offset = offset;
    this.#length = length;
  }

  /** The slice that holds the entry at `entryOffset` of the table, and where in that slice. Entry sizes divide the slice size. */
  async at(entryOffset: number): Promise<{ view: DataView; offset: number }> {
    const index = Math.floor(entryOffset / SLICE_BYTES);
    let slice = this.#slices.get(index);
    if (slice === undefined) {
      slice = this.#load(index);
      if (this.#slices.size >= MAX_SLICES) {
        for (const oldest of this.#slices.keys()) {
          this.#slices.delete(oldest);
          break;
        }
      }
    } else {
      this.#slices.delete(index);
    }
    this.#slices.set(index, slice);
    try {
      return { view: await slice, offset: entryOffset - index * SLICE_BYTES };
    } catch (error) {
      // Not kept: what failed once, on a network drive say, may work when it is tried again.
      if (this.#slices.get(index) === slice) this.#slices.delete(index);
      throw error;
    }
  }

  async #load(index: number): Promise<DataView> {
    const start = index * SLICE_BYTES;
    const bytes = new Uint8Array(Math.min(SLICE_BYTES, this.#length - start));
    await this.#file.read(this.#offset + start, bytes);
    return new DataView(bytes.buffer);
  }
}
