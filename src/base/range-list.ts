// Arithmetic on lists of ascending ranges that do not overlap.
import { type ByteRange, endOf } from './byte-range.ts';

/** The total number of bytes. */
export function bytesOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}

/** The bytes that are in `ranges` but not in `others`. */
export function subtractRanges(ranges: readonly ByteRange[], others: readonly ByteRange[]): ByteRange[] {
  const rest: ByteRange[] = [];
  let next = 0;
  for (const range of ranges) {
    let offset = range.offset;
    while (offset < endOf(range)) {
      let other = others[next];
      while (other !== undefined && endOf(other) <= offset) other = others[++next];
      const end = other === undefined ? endOf(range) : Math.min(endOf(range), other.offset);
      if (end > offset) rest.push({ offset, length: end - offset });
      offset = other === undefined ? end : Math.max(end, Math.min(endOf(other), endOf(range)));
    }
  }
  return rest;
}

/** The same ranges, joined where the gap between them is at most `maxGap` bytes. */
export function joinRanges(ranges: readonly ByteRange[], maxGap: number): ByteRange[] {
  const joined: ByteRange[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last === undefined || range.offset - endOf(last) > maxGap) joined.push(range);
    else joined[joined.length - 1] = { offset: last.offset, length: endOf(range) - last.offset };
  }
  return joined;
}
