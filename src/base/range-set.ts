// A set of bytes, as sorted ranges that do not touch.
import { type ByteRange, endOf } from './byte-range.ts';

/** Only grows. The same bytes give the same ranges, in whatever order they are added. */
export class RangeSet {
  readonly #ranges: ByteRange[] = [];

  constructor(ranges: Iterable<ByteRange> = []) {
    for (const range of ranges) this.add(range);
  }

  /** Ascending; no two ranges touch. */
  get ranges(): readonly ByteRange[] {
    return this.#ranges;
  }

  /** Adds a range and joins it with those that it touches or overlaps. An empty range adds nothing. */
  add(range: ByteRange): void {
    if (range.length === 0) return;
    const first = this.#firstEndingAtOrAfter(range.offset);
    let offset = range.offset;
    let end = endOf(range);
    let next = first;
    for (let met = this.#ranges[next]; met !== undefined && met.offset <= end; met = this.#ranges[++next]) {
      offset = Math.min(offset, met.offset);
      end = Math.max(end, endOf(met));
    }
    this.#ranges.splice(first, next - first, { offset, length: end - offset });
  }

  /** Whether every byte of `range` is in the set. */
  includes(range: ByteRange): boolean {
    if (range.length === 0) return true;
    const found = this.#ranges[this.#firstEndingAtOrAfter(range.offset + 1)];
    return found !== undefined && found.offset <= range.offset && endOf(found) >= endOf(range);
  }

  #firstEndingAtOrAfter(position: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.#ranges[middle];
      if (range !== undefined && endOf(range) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
