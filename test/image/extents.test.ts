import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Extent } from '../../src/image/disk-image.ts';
import { clipExtents, uniteExtents } from '../../src/image/extents.ts';
import { listExtents } from '../support/vhd-fixtures.ts';

/** Extents as an image reports them: ascending and disjoint. */
const extentLists = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })), { maxLength: 8 })
  .map((gaps) => {
    let offset = 0;
    return gaps.map(([gap, length]) => {
      const extent = { offset: offset + gap, length };
      offset += gap + length;
      return extent;
    });
  });

/** A source of fixed extents. */
async function* extentsOf(extents: Iterable<Extent>): AsyncGenerator<Extent> {
  for await (const extent of extents) yield extent;
}

function units(extents: readonly Extent[]): Set<number> {
  return new Set(extents.flatMap(({ offset, length }) => Array.from({ length }, (_, index) => offset + index)));
}

describe('uniteExtents', () => {
  it('covers exactly what either source covers, in ascending, disjoint extents', async () => {
    await fc.assert(
      fc.asyncProperty(extentLists, extentLists, async (one, other) => {
        const united = await listExtents(uniteExtents(extentsOf(one), extentsOf(other)));
        expect(units(united)).toEqual(units([...one, ...other].sort((left, right) => left.offset - right.offset)));
        for (const [index, extent] of united.entries()) {
          const before = united[index - 1];
          if (before !== undefined) expect(extent.offset).toBeGreaterThan(before.offset + before.length);
        }
      }),
    );
  });

  it('requests no more than is consumed, and closes both sources when iteration stops', async () => {
    let given = 0;
    let closed = 0;
    async function* endless(start: number): AsyncGenerator<Extent> {
      try {
        for (let offset = start; ; offset += 10) {
          given++;
          yield await Promise.resolve({ offset, length: 1 });
        }
      } finally {
        closed++;
      }
    }
    for await (const extent of uniteExtents(endless(0), endless(5))) if (extent.offset >= 20) break;
    expect(given).toBeLessThan(12);
    expect(closed).toBe(2);
  });
});

describe('clipExtents', () => {
  it.each([
    [
      100,
      [
        [10, 5],
        [90, 10],
      ],
    ],
    [
      95,
      [
        [10, 5],
        [90, 5],
      ],
    ],
    [90, [[10, 5]]],
    [12, [[10, 2]]],
    [10, []],
  ])('keeps the parts below %i', async (size, expected) => {
    const extents = extentsOf([
      { offset: 10, length: 5 },
      { offset: 90, length: 10 },
    ]);
    const clipped = await listExtents(clipExtents(extents, size));
    expect(clipped.map(({ offset, length }) => [offset, length])).toEqual(expected);
  });
});
