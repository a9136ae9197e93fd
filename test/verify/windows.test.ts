import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteRange, endOf, PAGE_SIZE, WINDOW_SIZE } from '../../src/base/byte-range.ts';
import { RangeSet } from '../../src/base/range-set.ts';
import { planWindows, windowsLeft } from '../../src/transfer/plan.ts';
import { type ListedWindow, windowsWithListed } from '../../src/verify/windows.ts';

const SIZE = 5 * WINDOW_SIZE + 3 * PAGE_SIZE;

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

/** Ascending ranges with gaps between them, on a coarse grid so that they meet the ends of windows. */
const someRanges = fc
  .uniqueArray(fc.integer({ min: 0, max: 24 }), { maxLength: 8 })
  .map((marks) => marks.sort((one, other) => one - other).map((mark) => (mark * WINDOW_SIZE) / 4))
  .map((offsets) =>
    offsets.flatMap((offset, index): ByteRange[] => {
      const end = Math.min(offsets[index + 1] ?? SIZE + PAGE_SIZE, SIZE + PAGE_SIZE);
      return index % 2 === 0 && end > offset ? [{ offset, length: end - offset }] : [];
    }),
  );

function windowsOf(extents: readonly ByteRange[], listed: readonly ByteRange[]) {
  const clipped = extents
    .map(({ offset, length }) => ({ offset, length: Math.min(length, SIZE - offset) }))
    .filter(({ length }) => length > 0);
  const source = { diskSize: SIZE, extents: () => each(clipped) };
  return windowsWithListed(planWindows(source), each(listed), SIZE);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe('windowsWithListed', () => {
  it('yields each window that either side needs, once and in order, with its listed ranges', async () => {
    await fc.assert(
      fc.asyncProperty(someRanges, someRanges, async (extents, listed) => {
        const windows = await all(windowsOf(extents, listed));
        const touches = (ranges: readonly ByteRange[], offset: number) =>
          ranges.some((range) => range.offset < Math.min(offset + WINDOW_SIZE, SIZE) && endOf(range) > offset);
        const expected = [0, 1, 2, 3, 4, 5]
          .map((index) => index * WINDOW_SIZE)
          .filter((offset) => touches(extents, offset) || touches(listed, offset));
        expect(windows.map(({ offset }) => offset)).toEqual(expected);
        const set = new RangeSet(windows.flatMap((window) => window.listed));
        const disk = listed.map((range) => ({ ...range, length: Math.min(range.length, SIZE - range.offset) }));
        expect(set.ranges).toEqual(new RangeSet(disk.filter(({ length }) => length > 0)).ranges);
        for (const window of windows) {
          expect(window.length).toBe(Math.min(WINDOW_SIZE, SIZE - window.offset));
          expect(window.allocated > 0).toBe(touches(extents, window.offset));
          for (const range of window.listed) {
            expect(range.offset).toBeGreaterThanOrEqual(window.offset);
            expect(endOf(range)).toBeLessThanOrEqual(endOf(window));
          }
        }
      }),
    );
  });

  it('covers the gaps before windows, so that the ranges done join into one at the end', async () => {
    await fc.assert(
      fc.asyncProperty(someRanges, someRanges, fc.array(fc.boolean()), async (extents, listed, order) => {
        const windows = await all(windowsOf(extents, listed));
        const done = new RangeSet();
        const left: ListedWindow[] = [];
        for (const [index, window] of windows.entries()) {
          if (order[index] === true) done.add(window.covers);
          else left.push(window);
        }
        expect(await all(windowsLeft(windowsOf(extents, listed), done))).toEqual(left);
      }),
    );
  });

  it('closes both lists if it is left early', async () => {
    let ended = 0;
    async function* endless(): AsyncGenerator<ByteRange> {
      try {
        for (let offset = 0; ; offset += WINDOW_SIZE) yield await Promise.resolve({ offset, length: WINDOW_SIZE });
      } finally {
        ended += 1;
      }
    }
    const source = { diskSize: 2 ** 50, extents: endless };
    for await (const _ of windowsWithListed(planWindows(source), endless(), 2 ** 50)) break;
    expect(ended).toBe(2);
  });
});
