// ZeroRanges: a set of byte ranges, kept ascending and apart, that a replayed log fills with zeros.
import { type ByteRange, endOf } from '../../base/byte-range.ts';

/** Adding takes time in proportion to the number of ranges, so the caller must limit it. */
export class ZeroRanges {
  readonly #ranges: ByteRange[] = [];

  add(range: ByteRange): void {
    const from = this.#firstEndingAfter(range.offset - 1);
    let to = from;
    let offset = range.offset;
    let end = endOf(range);
    for (let next = this.#ranges[to]; next !== undefined && next.offset <= end; next = this.#ranges[++to]) {
      offset = Math.min(offset, next.offset);
      end = Math.max(end, endOf(next));
    }
    this.#ranges.splice(from, to - from, { offset, length: end - offset });
  }

  /** Whether all of `range` is in the set. */
  covers(range: ByteRange): boolean {
    const found = this.#ranges[this.#firstEndingAfter(range.offset)];
    return found !== undefined && found.offset <= range.offset && endOf(range) <= endOf(found);
  }

  /** The parts of `range` that are in the set. */
  *within(range: ByteRange): Generator<ByteRange> {
    const end = endOf(range);
    for (let index = this.#firstEndingAfter(range.offset); ; index++) {
      const found = this.#ranges[index];
      if (found === undefined || found.offset >= end) return;
      const offset = Math.max(found.offset, range.offset);
      yield { offset, length: Math.min(endOf(found), end) - offset };
    }
  }

  /** Index of the first range that ends after `position`. */
  #firstEndingAfter(position: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.#ranges[middle];
      if (range !== undefined && endOf(range) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
