import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteRange, endOf } from '../../src/base/byte-range.ts';
import { bytesOf, joinRanges, subtractRanges } from '../../src/base/range-list.ts';

const SIZE = 40;

/** One flag per byte: whether it is in the ranges. */
function bitsOf(ranges: readonly ByteRange[]): boolean[] {
  return Array.from({ length: SIZE }, (_, at) => ranges.some((range) => range.offset <= at && at < endOf(range)));
}

/** The ranges of the bytes whose flag is set. */
function rangesOf(bits: readonly boolean[]): ByteRange[] {
  const ranges: ByteRange[] = [];
  for (let at = 0; at < bits.length; at++) {
    if (bits[at] !== true) continue;
    const offset = at;
    while (bits[at + 1] === true) at++;
    ranges.push({ offset, length: at + 1 - offset });
  }
  return ranges;
}

const someRanges = fc.array(fc.boolean(), { minLength: SIZE, maxLength: SIZE }).map(rangesOf);

describe('subtractRanges', () => {
  it('keeps the bytes that are in the first list but not in the second', () => {
    fc.assert(
      fc.property(someRanges, someRanges, (ranges, others) => {
        const [has, lacks] = [bitsOf(ranges), bitsOf(others)];
        const expected = rangesOf(has.map((bit, at) => bit && lacks[at] !== true));
        expect(subtractRanges(ranges, others)).toEqual(expected);
      }),
    );
  });

  it('accepts ranges that touch', () => {
    const halves = [
      { offset: 0, length: 10 },
      { offset: 10, length: 10 },
    ];
    expect(subtractRanges(halves, [{ offset: 5, length: 10 }])).toEqual([
      { offset: 0, length: 5 },
      { offset: 15, length: 5 },
    ]);
    expect(subtractRanges([{ offset: 5, length: 10 }], halves)).toEqual([]);
  });
});

describe('joinRanges', () => {
  it('fills only gaps that are short enough', () => {
    fc.assert(
      fc.property(someRanges, fc.nat(5), (ranges, maxGap) => {
        const joined = joinRanges(ranges, maxGap);
        expect(subtractRanges(ranges, joined)).toEqual([]);
        for (const gap of subtractRanges(joined, ranges)) expect(gap.length).toBeLessThanOrEqual(maxGap);
        for (const [index, range] of joined.slice(1).entries()) {
          expect(range.offset - endOf(joined[index] ?? range)).toBeGreaterThan(maxGap);
        }
      }),
    );
  });
});

describe('bytesOf', () => {
  it('adds the lengths', () => {
    expect(bytesOf([])).toBe(0);
    expect(
      bytesOf([
        { offset: 1, length: 2 },
        { offset: 8, length: 5 },
      ]),
    ).toBe(7);
  });
});
