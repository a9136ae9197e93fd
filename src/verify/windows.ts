// The windows that a comparison covers: those in which the image can hold data, and those in which the blob lists pages.
import { alignDown, type ByteRange, endOf, WINDOW_SIZE } from '../base/byte-range.ts';
import type { Window } from '../transfer/plan.ts';

/** A window of the disk with the ranges that the blob lists in it. `allocated` is 0 if the image cannot hold data in it. */
export interface ListedWindow extends Window {
  /** Ascending, with gaps between them. */
  readonly listed: readonly ByteRange[];
}

/**
 * Merges both lists. They ascend, and so does the result. Neither is ever held in memory as a whole.
 * @param diskSize - Ranges listed after it, the footer, are skipped.
 */
export async function* windowsWithListed(
  planned: AsyncGenerator<Window>,
  listed: AsyncGenerator<ByteRange>,
  diskSize: number,
): AsyncGenerator<ListedWindow> {
  const pieces = piecesByWindow(listed, diskSize);
  try {
    let plan = await planned.next();
    let piece = await pieces.next();
    let covered = 0;
    while (!plan.done || !piece.done) {
      const ofPlan = plan.done ? Number.POSITIVE_INFINITY : plan.value.offset;
      const ofPiece = piece.done ? Number.POSITIVE_INFINITY : piece.value.offset;
      const offset = Math.min(ofPlan, ofPiece);
      const end = Math.min(offset + WINDOW_SIZE, diskSize);
      yield {
        offset,
        length: end - offset,
        ...(ofPlan === offset && !plan.done ? allocationOf(plan.value) : { allocated: 0 }),
        covers: { offset: covered, length: end - covered },
        listed: ofPiece === offset && !piece.done ? piece.value.ranges : [],
      };
      covered = end;
      if (ofPlan === offset) plan = await planned.next();
      if (ofPiece === offset) piece = await pieces.next();
    }
  } finally {
    await planned.return(undefined);
    await pieces.return(undefined);
  }
}

function allocationOf({ allocated, extents }: Window): Pick<Window, 'allocated' | 'extents'> {
  return { allocated, ...(extents === undefined ? {} : { extents }) };
}

interface ListedPieces {
  /** Offset of the window. */
  readonly offset: number;
  readonly ranges: readonly ByteRange[];
}

/** Splits the ranges at window boundaries, and groups them by window. */
async function* piecesByWindow(listed: AsyncGenerator<ByteRange>, diskSize: number): AsyncGenerator<ListedPieces> {
  let current: { offset: number; ranges: ByteRange[] } | undefined;
  for await (const range of listed) {
    const rangeEnd = Math.min(endOf(range), diskSize);
    for (let offset = range.offset; offset < rangeEnd; ) {
      const window = alignDown(offset, WINDOW_SIZE);
      const end = Math.min(rangeEnd, window + WINDOW_SIZE);
      if (current?.offset !== window) {
        if (current !== undefined) yield current;
        current = { offset: window, ranges: [] };
      }
      current.ranges.push({ offset, length: end - offset });
      offset = end;
    }
  }
  if (current !== undefined) yield current;
}
