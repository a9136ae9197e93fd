// BlockRanges: merges similar consecutive blocks into one row of a table, because a disk of 2 TiB has a million blocks.
import type { RowList } from './structure.ts';

export interface BlockState {
  readonly block: number;
  /** Number of consecutive blocks with this state; more than one only if they are not in the file. @default 1 */
  readonly count?: number;
  readonly state: string;
  /** Offset in the file. */
  readonly offset?: number | undefined;
}

/** A larger gap between two blocks in the file is not alignment but another block. */
const MAX_GAP = 4096;

interface Range {
  readonly first: BlockState;
  last: BlockState;
  /** Bytes from one block to the next in the file; known once the range has two blocks. */
  spacing: number | undefined;
}

/** Merges blocks that are consecutive both on the disk and in the file. */
export class BlockRanges {
  readonly #rows: RowList;
  readonly #stored: number;
  #range: Range | undefined;

  /** @param stored Size of a block in the file, in bytes. */
  constructor(rows: RowList, stored = 0) {
    this.#rows = rows;
    this.#stored = stored;
  }

  /** Blocks must be added in ascending order. */
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
