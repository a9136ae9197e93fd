// AllocationMap: the allocated share and the data share of each part of a disk.
import { type ByteRange, endOf } from '../base/byte-range.ts';

export interface AllocationMap {
  /** Bytes of the disk per cell. The last cell may cover less. */
  readonly cellSize: number;
  /** The share of each cell that the image allocates: 0 to 1. */
  readonly allocated: readonly number[];
  /** The share of each cell that is not zero, if the disk was read. */
  readonly nonZero?: readonly number[];
}

const SECTOR_SIZE = 512;

/** Sums ranges of a disk per cell. */
export class CellCounts {
  readonly cellSize: number;
  readonly #size: number;
  readonly #counts: Float64Array;

  /** @param cells Maximum number of cells; a disk with few sectors has fewer. */
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

  /** The share of each cell that was added, rounded to four digits. */
  shares(): number[] {
    return Array.from(this.#counts, (count, cell) => {
      const length = Math.min(this.cellSize, this.#size - cell * this.cellSize);
      const share = Math.round((count / length) * 10_000) / 10_000;
      // Rounding must not turn a little into nothing, or nearly all into all.
      if (share === 0 && count > 0) return 0.0001;
      return share === 1 && count < length ? 0.9999 : share;
    });
  }
}
