// AllocationMap: how much of each part of a disk is allocated, and how much of it holds data.
import { type ByteRange, endOf } from '../base/byte-range.ts';

export interface AllocationMap {
  /** Bytes of the disk that a cell stands for. The last one may stand for less. */
  readonly cellSize: number;
  /** Of each cell, the share that the image allocates: 0 to 1. */
  readonly allocated: readonly number[];
  /** The share that is not zero, where the disk was read. */
  readonly nonZero?: readonly number[];
}

const SECTOR_SIZE = 512;

/** Adds up ranges of a disk by cell. */
export class CellCounts {
  readonly cellSize: number;
  readonly #size: number;
  readonly #counts: Float64Array;

  /** @param cells At most so many; fewer on a disk of few sectors. */
  constructor(size: number, cells: number) {
    this.cellSize = Math.max(SECTOR_SIZE, Math.ceil(size / cells / SECTOR_SIZE) * SECTOR_SIZE);
    this.#size = size;
    this.#counts = new Float64Array(Math.ceil(size / this.cellSize));
  }

  add(range: ByteRange): void {
    const end = Math.min(endOf(range), this.#size);
    for (let offset = range.offset; offset < end; ) {
      const cell = Math.floor(offset / this.cellSize);
      const next = Math.min(end, (cell + 1) * this.cellSize);
      this.#counts[cell] = (this.#counts[cell] ?? 0) + next - offset;
      offset = next;
    }
  }

  /** Of each cell the share that was added, to four digits. */
  shares(): number[] {
    return Array.from(this.#counts, (count, cell) => {
      const length = Math.min(this.cellSize, this.#size - cell * this.cellSize);
      const share = Math.round((count / length) * 10_000) / 10_000;
      // Little is not nothing, and nearly all is not all.
      if (share === 0 && count > 0) return 0.0001;
      return share === 1 && count < length ? 0.9999 : share;
    });
  }
}
