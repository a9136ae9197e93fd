// The plan: which windows of the target can hold data and are not done yet, lazily and in ascending order.
import { alignDown, type ByteRange, endOf, WINDOW_SIZE } from '../base/byte-range.ts';
import type { RangeSet } from '../base/range-set.ts';

/** What the plan needs to know of its source. */
export interface PlanSource {
  /** Bytes to plan for; windows end here. */
  readonly diskSize: number;
  /** The ranges that can hold data: ascending, without overlaps. They may differ between runs: everything outside is zero. */
  extents(): AsyncIterable<ByteRange>;
}

/** A 4 MiB-aligned piece of the target that can hold data. Only the last one of a disk is shorter. */
export interface Window extends ByteRange {
  /** Bytes of the window that lie in extents: what reading it costs. */
  readonly allocated: number;
  /** The window and the gap before it. The gap counts as done with the window, so that few ranges describe what is done. */
  readonly covers: ByteRange;
}

/** Every window that holds a part of an extent. */
export async function* planWindows(source: PlanSource): AsyncGenerator<Window> {
  let start = -1;
  let allocated = 0;
  let covered = 0;
  const finish = (): Window => {
    const end = Math.min(start + WINDOW_SIZE, source.diskSize);
    const window = {
      offset: start,
      length: end - start,
      allocated,
      covers: { offset: covered, length: end - covered },
    };
    covered = end;
    return window;
  };
  for await (const extent of source.extents()) {
    let offset = extent.offset;
    while (offset < endOf(extent)) {
      const windowStart = alignDown(offset, WINDOW_SIZE);
      if (windowStart !== start) {
        if (start >= 0) yield finish();
        start = windowStart;
        allocated = 0;
      }
      const end = Math.min(endOf(extent), windowStart + WINDOW_SIZE);
      allocated += end - offset;
      offset = end;
    }
  }
  if (start >= 0) yield finish();
}

/** The windows that are left when those in `done` are. */
export async function* windowsLeft(windows: AsyncIterable<Window>, done: RangeSet): AsyncGenerator<Window> {
  for await (const window of windows) {
    if (!done.includes(window)) yield window;
  }
}

/** The amount of work. */
export interface PlanTotals {
  /** Bytes in windows: the 100 % of the progress bar. */
  readonly planned: number;
  /** Bytes in windows that `done` holds. */
  readonly done: number;
  /** Bytes in extents. */
  readonly allocated: number;
}

/** Walks the plan once, reading nothing but the allocation tables. */
export async function planTotals(
  windows: AsyncIterable<Window>,
  done: RangeSet,
  signal?: AbortSignal,
): Promise<PlanTotals> {
  const totals = { planned: 0, done: 0, allocated: 0 };
  for await (const window of windows) {
    signal?.throwIfAborted();
    totals.planned += window.length;
    totals.allocated += window.allocated;
    if (done.includes(window)) totals.done += window.length;
  }
  return totals;
}
