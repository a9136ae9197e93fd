// Pseudo-random numbers. The same seed gives the same numbers, so that failures can be reproduced.

/** mulberry32: returns numbers from 0 (inclusive) to 1 (exclusive). */
export function randomOf(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Picks whole numbers and items. */
export class Picker {
  /** A number from 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;

  constructor(seed: number) {
    this.random = randomOf(seed);
  }

  /** A whole number from 0 (inclusive) to `end` (exclusive). */
  below(end: number): number {
    return Math.floor(this.random() * end);
  }

  /** A whole number between both limits (inclusive). */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  of<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('There is nothing to pick from.');
    return item;
  }
}
