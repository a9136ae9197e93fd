// The windows that a comparison looks at: those where the image can hold data, and those where the blob lists pages.
import { alignDown, type ByteRange, endOf, WINDOW_SIZE } from '../base/byte-range.ts';
import type { Window } from '../transfer/plan.ts';

/** A window of the disk, with what the blob lists of it. Its `allocated` is 0 where the image cannot hold data. */
export interface ListedWindow extends Window {
  /** Ascending and apart. */
  readonly listed: readonly ByteRange[];
}

/**
 * Both lists ascend, and so does the result; neither is ever held whole.
 * @param diskSize - What is listed after it, the footer, is left out.
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
        allocated: ofPlan === offset && !plan.done ? plan.value.allocated : 0,
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

interface ListedPieces {
  /** Of the window. */
  readonly offset: number;
  readonly ranges: readonly ByteRange[];
}

/** Cuts the ranges where windows begin, and gathers them by window. */
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
