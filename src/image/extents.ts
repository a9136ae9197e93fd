// Streams of extents: ascending, without overlaps, and never all in memory at once.
import { endOf } from '../base/byte-range.ts';
import type { Extent } from './disk-image.ts';

/** The parts of `extents` before `size`. Stops at the first extent beyond it. */
export async function* clipExtents(extents: AsyncIterable<Extent>, size: number): AsyncGenerator<Extent> {
  for await (const extent of extents) {
    if (extent.offset >= size) return;
    yield { offset: extent.offset, length: Math.min(endOf(extent), size) - extent.offset };
  }
}

/** The union of two streams. Extents that overlap or touch are merged. */
export async function* uniteExtents(one: AsyncIterable<Extent>, other: AsyncIterable<Extent>): AsyncGenerator<Extent> {
  let current: Extent | undefined;
  for await (const extent of inOrder(one, other)) {
    if (current !== undefined && extent.offset <= endOf(current)) {
      current = { offset: current.offset, length: Math.max(endOf(current), endOf(extent)) - current.offset };
    } else {
      if (current !== undefined) yield current;
      current = extent;
    }
  }
  if (current !== undefined) yield current;
}

async function* inOrder(one: AsyncIterable<Extent>, other: AsyncIterable<Extent>): AsyncGenerator<Extent> {
  const sources = [one[Symbol.asyncIterator](), other[Symbol.asyncIterator]()] as const;
  try {
    let [left, right] = [await sources[0].next(), await sources[1].next()];
    while (left.done !== true || right.done !== true) {
      if (right.done === true || (left.done !== true && left.value.offset <= right.value.offset)) {
        yield left.value;
        left = await sources[0].next();
      } else {
        yield right.value;
        right = await sources[1].next();
      }
    }
  } finally {
    for (const source of sources) await source.return?.();
  }
}
