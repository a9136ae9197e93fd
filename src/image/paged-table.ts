// PagedTable: a large table of an image file (a BAT), read in slices and cached in bounded memory whatever the size of the disk.
import type { ImageBytes } from './image-bytes.ts';

/** Small enough for a small disk, large enough to read the table of a large one in few reads. */
const SLICE_BYTES = 256 * 1024;

/** Cached slices: 8 × 256 KiB = 2 MiB per file of a chain. Reads move through a table together, so few slices are in use. */
const MAX_SLICES = 8;

/** A table of `length` bytes at `offset` of `file`, addressed by entry. The caller has checked that it lies inside the file. */
export class PagedTable {
  readonly #file: ImageBytes;
  readonly #offset: number;
  readonly #length: number;
  /** Insertion order is the order of use: the first key is the least recently used. */
  readonly #slices = new Map<number, Promise<DataView>>();

  constructor(file: ImageBytes, offset: number, length: number) {
    this.#file = file;
    this.#offset = offset;
    this.#length = length;
  }

  /** The slice that holds the entry at `entryOffset` of the table, and its offset in that slice. Entry sizes divide the slice size. */
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
      // A failed slice is not cached: a retry may succeed, such as on a network drive.
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
