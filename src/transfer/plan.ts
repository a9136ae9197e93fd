// The plan: the windows that may contain data and are not done yet, computed lazily in ascending order.
import { alignDown, type ByteRange, endOf, WINDOW_SIZE } from '../base/byte-range.ts';
import type { RangeSet } from '../base/range-set.ts';

/** The parts of a source that the plan needs. */
export interface PlanSource {
  /** The size of the disk in bytes. The last window ends here. */
  readonly diskSize: number;
  /** The ranges that may contain data: ascending, without overlaps. They may differ between runs; everything else is zero. */
  extents(): AsyncIterable<ByteRange>;
}

/** A 4 MiB-aligned piece of the target that may contain data. Only the last one of a disk is shorter. */
export interface Window extends ByteRange {
  /** Bytes of the window inside extents: these have to be read. */
  readonly allocated: number;
  /** The window and the gap before it. The gap counts as done together with the window, which keeps the list of done ranges short. */
  readonly covers: ByteRange;
  /** The extents in it, cut at its borders. @default unknown: all of it may contain data */
  readonly extents?: readonly ByteRange[];
}

/** Yields every window that overlaps an extent. */
export async function* planWindows(source: PlanSource): AsyncGenerator<Window> {
  let start = -1;
  let allocated = 0;
  let extents: ByteRange[] = [];
  let covered = 0;
  const finish = (): Window => {
    const end = Math.min(start + WINDOW_SIZE, source.diskSize);
    const window = {
      offset: start,
      length: end - start,
      allocated,
      covers: { offset: covered, length: end - covered },
      extents,
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
        extents = [];
      }
      const end = Math.min(endOf(extent), windowStart + WINDOW_SIZE);
      allocated += end - offset;
      extents.push({ offset, length: end - offset });
      offset = end;
    }
  }
  if (start >= 0) yield finish();
}

/** Yields the windows that are not in `done`. */
export async function* windowsLeft(windows: AsyncIterable<Window>, done: RangeSet): AsyncGenerator<Window> {
  for await (const window of windows) {
    if (!done.includes(window)) yield window;
  }
}

/** The amount of work. */
export interface PlanTotals {
  /** Bytes in windows: 100 % of the progress bar. */
  readonly planned: number;
  /** Bytes in windows that are done. */
  readonly done: number;
  /** Bytes in extents. */
  readonly allocated: number;
}

/** Walks the plan once. Reads only allocation tables. */
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
