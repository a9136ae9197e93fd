// Blocks in a row that are alike, as one line of a table: a disk of 2 TiB has a million blocks.
import type { RowList } from './structure.ts';

export interface BlockState {
  readonly block: number;
  /** Blocks in a row that are alike, none of them in the file. @default 1 */
  readonly count?: number;
  readonly state: string;
  /** In the file. */
  readonly offset?: number | undefined;
}

/** More between two blocks in the file is no gap for alignment but another block. */
const MAX_GAP = 4096;

interface Range {
  readonly first: BlockState;
  last: BlockState;
  /** Bytes from one block to the next in the file, once there are two. */
  spacing: number | undefined;
}

/** Joins blocks that follow one another on the disk and in the file. */
export class BlockRanges {
  readonly #rows: RowList;
  readonly #stored: number;
  #range: Range | undefined;

  /** @param stored Bytes that a block takes in the file. */
  constructor(rows: RowList, stored = 0) {
    this.#rows = rows;
    this.#stored = stored;
  }

  /** Blocks come in ascending order. */
  add(next: BlockState): void {
    const range = this.#range;
    if (range !== undefined && this.#continues(range, next)) {
      if (next.offset !== undefined && range.last.offset !== undefined) range.spacing = next.offset - range.last.offset;
      range.last = next;
      return;
    }
    this.end();
    this.#range = { first: next, last: next, spacing: undefined };
  }

  /** Writes the last range. */
  end(): void {
    if (this.#range === undefined) return;
    const { first, last } = this.#range;
    this.#rows.add({
      firstBlock: first.block,
      lastBlock: afterLast(last) - 1,
      state: first.state,
      offset: first.offset,
    });
    this.#range = undefined;
  }

  #continues({ last, spacing }: Range, next: BlockState): boolean {
    if (next.block !== afterLast(last) || next.state !== last.state) return false;
    if (next.offset === undefined || last.offset === undefined) return next.offset === last.offset;
    const step = next.offset - last.offset;
    return spacing === undefined ? step >= this.#stored && step <= this.#stored + MAX_GAP : step === spacing;
  }
}

function afterLast({ block, count = 1 }: BlockState): number {
  return block + count;
}
