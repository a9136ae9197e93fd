// DiskMap: which parts of a disk a run has read and moved, in a bounded number of cells.
import type { ByteRange } from '../base/byte-range.ts';
import { CellCounts } from '../base/cell-counts.ts';
import type { UploadEvent } from '../events.ts';
import type { Window } from './plan.ts';
import type { Piece } from './transfer.ts';

/** Cells of a map: 12 rows of 40. Few enough for one line of a log, whatever the size of the disk. */
export const MAP_CELLS = 480;

export class DiskMap {
  readonly #size: number;
  readonly #before: CellCounts;
  readonly #read: CellCounts;
  readonly #moved: CellCounts;
  #kept: CellCounts | undefined;

  /**
   * @param size - Of the disk in bytes.
   * @param before - What earlier runs have finished.
   */
  constructor(size: number, before: readonly ByteRange[]) {
    this.#size = size;
    this.#before = new CellCounts(size, MAP_CELLS);
    this.#read = new CellCounts(size, MAP_CELLS);
    this.#moved = new CellCounts(size, MAP_CELLS);
    for (const range of before) this.#before.add(range);
  }

  /** @param pieces - How the runs were split; empty if all of them were moved. */
  windowDone(window: Window, runs: readonly ByteRange[], pieces: readonly Piece[] = []): void {
    for (const extent of window.extents ?? (window.allocated > 0 ? [window] : [])) this.#read.add(extent);
    if (pieces.length === 0) for (const run of runs) this.#moved.add(run);
    for (const piece of pieces) {
      if (piece.fate === 'send') this.#moved.add(piece);
      if (piece.fate !== 'keep') continue;
      this.#kept ??= new CellCounts(this.#size, MAP_CELLS);
      this.#kept.add(piece);
    }
  }

  event(): UploadEvent {
    return {
      type: 'map',
      size: this.#size,
      cellSize: this.#read.cellSize,
      before: this.#before.bytes,
      read: this.#read.bytes,
      moved: this.#moved.bytes,
      ...(this.#kept === undefined ? {} : { kept: this.#kept.bytes }),
    };
  }
}
