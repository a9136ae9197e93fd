// CellCounts: sums ranges of a disk in a bounded number of cells.
import { type ByteRange, endOf } from './byte-range.ts';

const SECTOR_SIZE = 512;

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

  /** The bytes of each cell that were added. A byte that was added twice counts twice. */
  get bytes(): readonly number[] {
    return Array.from(this.#counts);
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
