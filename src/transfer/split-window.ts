// Splits a window between what a target that starts as a copy of a base already holds, what to send, and what to clear.
import { alignDown, type ByteRange, endOf, PAGE_SIZE } from '../base/byte-range.ts';
import { joinRanges, subtractRanges } from '../base/range-list.ts';
import type { Piece } from './transfer.ts';
import { JOINED_GAP } from './zero-pages.ts';

/** Compared natively before its pages are compared one by one. */
const BLOCK_SIZE = 64 * 1024;

export interface SplitOptions {
  /** The window, aligned to 512 bytes. */
  readonly window: ByteRange;
  /** The bytes that the target must hold. */
  readonly wanted: Uint8Array;
  /** The bytes of the base. */
  readonly base: Uint8Array;
  /** The runs that the target must list: ascending, in bytes of the target. */
  readonly runs: readonly ByteRange[];
  /** What the target lists now: ascending, in bytes of the target. */
  readonly listed: readonly ByteRange[];
  /** Equal pages between two that differ are sent along, up to this length in bytes. @default 64 KiB */
  readonly joinedGap?: number;
}

/**
 * Pages of the runs that are the same in the base, and that the target lists, are kept; all others are sent. Pages that the target lists
 * outside of the runs are cleared. The pieces ascend. After that the target lists exactly the runs, and holds the wanted bytes.
 */
export function splitWindow(options: SplitOptions): Piece[] {
  const { window, wanted, base, runs, listed, joinedGap = JOINED_GAP } = options;
  const pieces: Piece[] = subtractRanges(listed, runs).map((range) => ({ ...range, fate: 'clear' }));
  for (const run of runs) {
    const changed = changedPages(run, wanted, base, window.offset);
    const missing = subtractRanges([run], listed);
    const sent = joinRanges(union(changed, missing), joinedGap);
    for (const range of sent) pieces.push({ ...range, fate: 'send' });
    for (const range of subtractRanges([run], sent)) pieces.push({ ...range, fate: 'keep' });
  }
  return pieces.sort((one, other) => one.offset - other.offset);
}

/** The pages of the run that differ, as ascending ranges. */
function changedPages(run: ByteRange, wanted: Uint8Array, base: Uint8Array, windowOffset: number): ByteRange[] {
  const changed: ByteRange[] = [];
  const isSame = (offset: number, end: number) => {
    const [start, stop] = [offset - windowOffset, end - windowOffset];
    return Buffer.compare(wanted.subarray(start, stop), base.subarray(start, stop)) === 0;
  };
  const runEnd = endOf(run);
  for (let block = run.offset; block < runEnd; ) {
    const blockEnd = Math.min(alignDown(block, BLOCK_SIZE) + BLOCK_SIZE, runEnd);
    if (!isSame(block, blockEnd)) {
      for (let page = block; page < blockEnd; page += PAGE_SIZE) {
        if (!isSame(page, page + PAGE_SIZE)) changed.push({ offset: page, length: PAGE_SIZE });
      }
    }
    block = blockEnd;
  }
  return joinRanges(changed, 0);
}

/** Both lists ascend, and so does the result. Its ranges do not overlap. */
function union(one: readonly ByteRange[], other: readonly ByteRange[]): ByteRange[] {
  const sorted = [...one, ...subtractRanges(other, one)].sort((a, b) => a.offset - b.offset);
  return joinRanges(sorted, 0);
}
