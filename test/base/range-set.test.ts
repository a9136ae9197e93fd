import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteRange, endOf } from '../../src/base/byte-range.ts';
import { RangeSet } from '../../src/base/range-set.ts';

const SPACE = 60;
const anyRange = fc.record({ offset: fc.nat(SPACE), length: fc.nat(12) });

function bytesOf(ranges: Iterable<ByteRange>): Set<number> {
  const bytes = new Set<number>();
  for (const range of ranges) for (let at = range.offset; at < endOf(range); at++) bytes.add(at);
  return bytes;
}

describe('RangeSet', () => {
  it('contains the bytes of all added ranges, as ascending ranges that do not touch', () => {
    fc.assert(
      fc.property(fc.array(anyRange, { maxLength: 30 }), (added) => {
        const { ranges } = new RangeSet(added);
        expect(bytesOf(ranges)).toEqual(bytesOf(added));
        for (const [index, range] of ranges.entries()) {
          expect(range.length).toBeGreaterThan(0);
          const next = ranges[index + 1];
          if (next !== undefined) expect(next.offset).toBeGreaterThan(endOf(range));
        }
      }),
    );
  });

  it('includes a range only if it contains every byte of it', () => {
    fc.assert(
      fc.property(fc.array(anyRange, { maxLength: 20 }), anyRange, (added, asked) => {
        const bytes = bytesOf(added);
        expect(new RangeSet(added).includes(asked)).toBe([...bytesOf([asked])].every((at) => bytes.has(at)));
      }),
    );
  });

  it('has the same ranges, in whatever order they were added', () => {
    const orders = fc
      .array(anyRange, { maxLength: 20 })
      .chain((added) =>
        fc.tuple(fc.constant(added), fc.shuffledSubarray(added, { minLength: added.length, maxLength: added.length })),
      );
    fc.assert(
      fc.property(orders, ([one, other]) => {
        expect(new RangeSet(one).ranges).toEqual(new RangeSet(other).ranges);
      }),
    );
  });

  it('joins ranges that touch', () => {
    const set = new RangeSet([
      { offset: 0, length: 10 },
      { offset: 20, length: 10 },
    ]);
    set.add({ offset: 10, length: 10 });
    expect(set.ranges).toEqual([{ offset: 0, length: 30 }]);
  });

  it('is exact beyond 2^32', () => {
    const far = 64 * 2 ** 40;
    const set = new RangeSet([{ offset: far, length: 512 }]);
    expect(set.includes({ offset: far, length: 512 })).toBe(true);
    expect(set.includes({ offset: far - 1, length: 512 })).toBe(false);
    expect(set.includes({ offset: far % 2 ** 32, length: 1 })).toBe(false);
  });
});
