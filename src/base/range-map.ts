// RangeMap: up to millions of ascending ranges of whole pages, in 16 bytes each.
import { createHash } from 'node:crypto';
import { alignDown, alignUp, type ByteRange, endOf, PAGE_SIZE } from './byte-range.ts';

/** The most ranges of a map: 16 MiB of memory. */
const MAX_RANGES = 2 ** 20;

/** The version of the text that is hashed. Increase it when the same ranges give another digest. */
const DIGEST_PREFIX = 'vhdup ranges 1\n';
/** Ranges that are hashed at once. */
const HASHED_AT_ONCE = 4096;

export class RangeMap {
  /** The number of ranges. */
  readonly count: number;
  /** The bytes in all of them. */
  readonly bytes: number;
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;

  /** @param starts Ascending, with gaps between the ranges. */
  constructor(starts: Float64Array, ends: Float64Array) {
    this.count = starts.length;
    this.#starts = starts;
    this.#ends = ends;
    let bytes = 0;
    for (let index = 0; index < this.count; index++) bytes += this.#end(index) - this.#start(index);
    this.bytes = bytes;
  }

  /** All ranges, ascending. */
  *ranges(): Generator<ByteRange> {
    yield* this.within({ offset: 0, length: Number.MAX_SAFE_INTEGER });
  }

  /** The parts of the map inside of `range`, ascending. */
  *within(range: ByteRange): Generator<ByteRange> {
    const last = endOf(range);
    for (let index = this.#firstEndingAfter(range.offset); index < this.count; index++) {
      const offset = Math.max(this.#start(index), range.offset);
      if (offset >= last) return;
      yield { offset, length: Math.min(this.#end(index), last) - offset };
    }
  }

  /** Whether any byte of `range` is in the map. */
  overlaps(range: ByteRange): boolean {
    const index = this.#firstEndingAfter(range.offset);
    return range.length > 0 && index < this.count && this.#start(index) < endOf(range);
  }

  /** The parts of `range` outside of the map, ascending. */
  *outside(range: ByteRange): Generator<ByteRange> {
    let offset = range.offset;
    for (const part of this.within(range)) {
      if (part.offset > offset) yield { offset, length: part.offset - offset };
      offset = endOf(part);
    }
    if (endOf(range) > offset) yield { offset, length: endOf(range) - offset };
  }

  /** SHA-256 in hexadecimal. Two maps have the same digest exactly if they have the same ranges. */
  digest(): string {
    const hash = createHash('sha256').update(DIGEST_PREFIX);
    for (let first = 0; first < this.count; first += HASHED_AT_ONCE) {
      const count = Math.min(HASHED_AT_ONCE, this.count - first);
      const bytes = Buffer.alloc(16 * count);
      for (let index = 0; index < count; index++) {
        bytes.writeBigUInt64LE(BigInt(this.#start(first + index)), 16 * index);
        bytes.writeBigUInt64LE(BigInt(this.#end(first + index)), 16 * index + 8);
      }
      hash.update(bytes);
    }
    return hash.digest('hex');
  }

  #firstEndingAfter(offset: number): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#end(middle) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #start(index: number): number {
    return this.#starts[index] ?? 0;
  }

  #end(index: number): number {
    return this.#ends[index] ?? 0;
  }
}

export const EMPTY_MAP = new RangeMap(new Float64Array(), new Float64Array());

/**
 * Collects ranges in any order. Beyond the limit it gives up the shortest ones: the same ranges in the same order always give the same
 * map.
 */
export class RangeMapBuilder {
  readonly #limit: number;
  #starts = new Float64Array(1024);
  #ends = new Float64Array(1024);
  #count = 0;
  /** In bytes. Shorter ranges are given up. */
  #shortest = PAGE_SIZE;

  constructor(limit: number = MAX_RANGES) {
    this.#limit = limit;
  }

  /** Adds the whole pages of the range. */
  add(range: ByteRange): void {
    const start = alignUp(range.offset, PAGE_SIZE);
    const end = alignDown(endOf(range), PAGE_SIZE);
    if (end - start < this.#shortest) return;
    const last = this.#count - 1;
    if (last >= 0 && this.#ends[last] === start) {
      this.#ends[last] = end;
      return;
    }
    if (this.#count === this.#limit) {
      this.#giveUpShortest();
      if (end - start < this.#shortest) return;
    }
    if (this.#count === this.#starts.length) this.#grow();
    this.#starts[this.#count] = start;
    this.#ends[this.#count] = end;
    this.#count += 1;
  }

  addAll(map: RangeMap): void {
    for (const range of map.ranges()) this.add(range);
  }

  /** Undefined if two ranges overlap. */
  build(): RangeMap | undefined {
    const startOf = (index: number) => this.#starts[index] ?? 0;
    const order = Uint32Array.from({ length: this.#count }, (_, index) => index);
    const isSorted = order.every((index) => index === 0 || startOf(index - 1) <= startOf(index));
    if (!isSorted) order.sort((one, other) => startOf(one) - startOf(other));
    const starts = new Float64Array(this.#count);
    const ends = new Float64Array(this.#count);
    let count = 0;
    for (const index of order) {
      const [start, end] = [startOf(index), this.#ends[index] ?? 0];
      const before = count === 0 ? -1 : (ends[count - 1] ?? 0);
      if (start < before) return undefined;
      if (start === before) ends[count - 1] = end;
      else {
        starts[count] = start;
        ends[count] = end;
        count += 1;
      }
    }
    return new RangeMap(starts.subarray(0, count), ends.subarray(0, count));
  }

  /** Gives up a quarter: the shortest ranges, and of those that are equally long the first ones. */
  #giveUpShortest(): void {
    const lengths = this.#ends.subarray(0, this.#count).map((end, index) => end - (this.#starts[index] ?? 0));
    const sorted = lengths.slice().sort();
    const quarter = Math.ceil(this.#count / 4);
    this.#shortest = sorted[quarter - 1] ?? PAGE_SIZE;
    let surplus = quarter - lengths.reduce((count, length) => count + (length < this.#shortest ? 1 : 0), 0);
    let kept = 0;
    for (const [index, length] of lengths.entries()) {
      if (length < this.#shortest || (length === this.#shortest && surplus-- > 0)) continue;
      this.#starts[kept] = this.#starts[index] ?? 0;
      this.#ends[kept] = this.#ends[index] ?? 0;
      kept += 1;
    }
    this.#count = kept;
  }

  #grow(): void {
    const length = Math.min(this.#limit, 2 * this.#count);
    const [starts, ends] = [new Float64Array(length), new Float64Array(length)];
    starts.set(this.#starts);
    ends.set(this.#ends);
    this.#starts = starts;
    this.#ends = ends;
  }
}
