import { describe, expect, it } from 'vitest';
import type { ByteRange } from '../../src/base/byte-range.ts';
import { EMPTY_MAP, RangeMapBuilder } from '../../src/base/range-map.ts';
import { Picker } from '../hostile/random.ts';

function mapOf(ranges: readonly ByteRange[], limit?: number) {
  const builder = new RangeMapBuilder(limit);
  for (const range of ranges) builder.add(range);
  return builder.build();
}

describe('RangeMap', () => {
  it('keeps the whole pages of each range, sorted, and joined where they touch', () => {
    const map = mapOf([
      { offset: 4096, length: 1024 },
      { offset: 100, length: 1500 },
      { offset: 5120, length: 512 },
      { offset: 700, length: 400 },
      { offset: 3584, length: 512 },
    ]);
    expect([...(map?.ranges() ?? [])]).toEqual([
      { offset: 512, length: 1024 },
      { offset: 3584, length: 2048 },
    ]);
    expect(map?.bytes).toBe(3072);
  });

  it('is undefined if two ranges overlap', () => {
    expect(
      mapOf([
        { offset: 0, length: 1024 },
        { offset: 512, length: 512 },
      ]),
    ).toBeUndefined();
  });

  it('shows what lies inside and outside of it, as a list of pages does', () => {
    for (let seed = 0; seed < 200; seed++) {
      const picker = new Picker(seed);
      const pages = Array.from({ length: 64 }, () => picker.chance(0.4));
      const map = mapOf(pages.flatMap((isIn, page) => (isIn ? [{ offset: page * 512, length: 512 }] : [])));
      const [first, last] = [picker.below(64), picker.below(64)];
      const range = { offset: 512 * Math.min(first, last), length: 512 * Math.abs(first - last) };
      const pagesOf = (ranges: Iterable<ByteRange>) =>
        [...ranges].flatMap(({ offset, length }) => Array.from({ length: length / 512 }, (_, at) => offset / 512 + at));
      const all = pagesOf([range]);
      expect(pagesOf(map?.within(range) ?? [])).toEqual(all.filter((page) => pages[page]));
      expect(pagesOf(map?.outside(range) ?? [])).toEqual(all.filter((page) => !pages[page]));
      expect(map?.overlaps(range)).toBe(all.some((page) => pages[page]));
    }
  });

  it('gives up the shortest ranges beyond its limit, always the same ones', () => {
    const picker = new Picker(3);
    const ranges = Array.from({ length: 1000 }, (_, index) => ({
      offset: index * 1024 * 1024,
      length: 512 * picker.between(1, 100),
    }));
    const map = mapOf(ranges, 100);
    const kept = [...(map?.ranges() ?? [])];
    expect(kept.length).toBeLessThanOrEqual(100);
    expect(kept.length).toBeGreaterThan(20);
    const shortest = Math.min(...kept.map(({ length }) => length));
    const starts = new Set(kept.map(({ offset }) => offset));
    // Nothing longer than the shortest one that is kept was given up.
    expect(ranges.filter(({ offset, length }) => length > shortest && !starts.has(offset))).toEqual([]);
    expect(mapOf(ranges, 100)?.digest()).toBe(map?.digest());
    expect(mapOf(ranges)?.count).toBe(1000);
  });

  it('has a digest of its ranges', () => {
    const one = mapOf([{ offset: 0, length: 1024 }]);
    expect(one?.digest()).toMatch(/^[0-9a-f]{64}$/);
    expect(
      mapOf([
        { offset: 512, length: 512 },
        { offset: 0, length: 512 },
      ])?.digest(),
    ).toBe(one?.digest());
    expect(mapOf([{ offset: 0, length: 1536 }])?.digest()).not.toBe(one?.digest());
    expect(EMPTY_MAP.digest()).not.toBe(one?.digest());
  });
});
