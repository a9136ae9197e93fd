import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Differences,
  describeDifferences,
  differingRanges,
  keepWhatDiffersTwice,
} from '../../src/verify/differences.ts';

const at = (offset: number) => ({ kind: 'content', offset, length: 2 }) as const;

describe('Differences', () => {
  it('keeps the ten lowest offsets, in whatever order they are found', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1000), { maxLength: 40 }), (offsets) => {
        const differences = new Differences();
        for (const offset of offsets) differences.add(at(offset));
        const lowest = [...offsets].sort((one, other) => one - other).slice(0, 10);
        expect(differences.summary).toEqual({
          count: offsets.length,
          bytes: 2 * offsets.length,
          first: lowest.map(at),
        });
      }),
    );
  });

  it('continues with earlier differences', () => {
    const before = new Differences();
    for (let offset = 10; offset < 22; offset++) before.add(at(offset));
    const differences = new Differences(before.summary);
    differences.add(at(3));
    expect(differences.summary).toMatchObject({ count: 13, bytes: 26 });
    expect(differences.summary.first.map(({ offset }) => offset)).toEqual([3, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
    expect(before.summary.count).toBe(12);
  });
});

describe('differingRanges', () => {
  const PAGES = 6;
  const expected = new Uint8Array(PAGES * 512);

  it('joins consecutive pages, and begins and ends with a byte that differs', () => {
    const actual = expected.slice();
    for (const position of [100, 511, 600, 1023, 2048]) actual[position] = 1;
    expect(differingRanges(expected, actual, 8192)).toEqual([
      { offset: 8192 + 100, length: 924 },
      { offset: 8192 + 2048, length: 1 },
    ]);
  });

  it('covers every byte that differs, and no page without a difference', () => {
    const positions = fc.uniqueArray(fc.nat(PAGES * 512 - 1), { maxLength: 8 });
    fc.assert(
      fc.property(positions, (changed) => {
        const actual = expected.slice();
        for (const position of changed) actual[position] = 7;
        const ranges = differingRanges(expected, actual, 0);
        for (const position of changed) {
          expect(ranges.some(({ offset, length }) => offset <= position && position < offset + length)).toBe(true);
        }
        for (const { offset, length } of ranges) {
          expect(changed).toContain(offset);
          expect(changed).toContain(offset + length - 1);
          for (let page = Math.floor(offset / 512); page * 512 < offset + length; page++) {
            expect(changed.some((position) => Math.floor(position / 512) === page)).toBe(true);
          }
        }
      }),
    );
  });
});

describe('describeDifferences', () => {
  it('names the first ones, and how many more there are', () => {
    expect(describeDifferences({ count: 3, bytes: 9, first: [at(5)] })).toBe('content at 5, 2 bytes; 2 more');
    expect(describeDifferences({ count: 1, bytes: 2, first: [at(5)] })).toBe('content at 5, 2 bytes');
  });
});

describe('keepWhatDiffersTwice', () => {
  it('drops damage at different places in two readings, and keeps real differences', () => {
    const places = fc.uniqueArray(fc.nat(1023), { maxLength: 6 });
    fc.assert(
      fc.property(places, places, fc.uniqueArray(fc.nat(1023), { maxLength: 3 }), (one, other, real) => {
        const expected = new Uint8Array(1024).fill(7);
        const blob = expected.slice();
        for (const at of real) blob[at] = 8;
        const reading = (damaged: readonly number[]) => {
          const bytes = blob.slice();
          for (const at of damaged) bytes[at] = 9;
          return bytes;
        };
        const second = reading(other);
        keepWhatDiffersTwice(expected, reading(one), second);
        const differing = [...second.keys()].filter((at) => second[at] !== expected[at]);
        const both = one.filter((at) => other.includes(at));
        expect(differing).toEqual([...new Set([...real, ...both])].sort((a, b) => a - b));
      }),
    );
  });
});
