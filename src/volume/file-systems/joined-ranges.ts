// Joins ranges that touch, one after another.
import { type ByteRange, endOf } from '../../base/byte-range.ts';

/** @param ranges Ascending, without overlaps; they may touch or be empty. */
export async function* joinedRanges(ranges: AsyncIterable<ByteRange>): AsyncGenerator<ByteRange> {
  let pending: ByteRange = { offset: 0, length: 0 };
  for await (const range of ranges) {
    if (range.length === 0) continue;
    if (range.offset === endOf(pending)) pending = { offset: pending.offset, length: pending.length + range.length };
    else {
      if (pending.length > 0) yield pending;
      pending = range;
    }
  }
  if (pending.length > 0) yield pending;
}
