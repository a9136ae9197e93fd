import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CellCounts } from '../../src/base/cell-counts.ts';

describe('cells', () => {
  it('divide the disk, with a shorter last cell', () => {
    const counts = new CellCounts(10 * 512, 4);
    expect(counts.cellSize).toBe(3 * 512);
    counts.add({ offset: 512, length: 3 * 512 });
    counts.add({ offset: 9 * 512, length: 512 });
    expect(counts.shares()).toEqual([0.6667, 0.3333, 0, 1]);
  });

  it('are as many as there are sectors on a small disk', () => {
    expect(new CellCounts(512, 100).shares()).toEqual([0]);
  });

  it('are not empty if they have a single byte, and not full if one is missing', () => {
    const counts = new CellCounts(2 ** 40, 2);
    counts.add({ offset: 0, length: 512 });
    counts.add({ offset: 2 ** 39, length: 2 ** 39 - 512 });
    expect(counts.shares()).toEqual([0.0001, 0.9999]);
  });

  it('cover the disk without exceeding the requested number, whatever ranges are added', () => {
    const range = fc.record({ offset: fc.nat(5000), length: fc.nat(5000) });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 300 }),
        fc.array(range),
        (size, cells, ranges) => {
          const disk = new CellCounts(size * 512, cells);
          for (const { offset, length } of ranges) disk.add({ offset, length });
          const shares = disk.shares();
          expect(shares.length).toBeLessThanOrEqual(cells);
          expect(shares.length * disk.cellSize).toBeGreaterThanOrEqual(size * 512);
          expect(shares.every((share) => share >= 0)).toBe(true);
        },
      ),
      { seed: 7 },
    );
  });
});
