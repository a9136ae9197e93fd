import { describe, expect, it } from 'vitest';
import type { Extent } from '../../../src/image/disk-image.ts';
import type { BlockRun } from '../../../src/image/vhdx/bat.ts';
import { blockExtents } from '../../../src/image/vhdx/block-extents.ts';

async function* stream<T>(values: readonly T[]): AsyncGenerator<T> {
  for (const value of values) yield await Promise.resolve(value);
}

async function extents(runs: readonly BlockRun[], size: number, parent?: readonly Extent[]): Promise<Extent[]> {
  const found: Extent[] = [];
  for await (const extent of blockExtents(stream(runs), { blockSize: 100, size }, parent && stream(parent)))
    found.push(extent);
  return found;
}

describe('blockExtents', () => {
  it('merges adjacent runs, and ends with the disk', async () => {
    const runs: BlockRun[] = [
      { source: 'zeros', first: 0, count: 2 },
      { source: 'file', first: 2, count: 1 },
      { source: 'partial', first: 3, count: 2 },
      { source: 'zeros', first: 5, count: 1 },
      { source: 'file', first: 6, count: 1 },
    ];
    expect(await extents(runs, 650)).toEqual([
      { offset: 200, length: 300 },
      { offset: 600, length: 50 },
    ]);
  });

  it('returns extents of the parent only where the child has no block', async () => {
    const runs: BlockRun[] = [
      { source: 'parent', first: 0, count: 2 },
      { source: 'zeros', first: 2, count: 2 },
      { source: 'parent', first: 4, count: 1 },
      { source: 'file', first: 5, count: 1 },
      { source: 'parent', first: 6, count: 2 },
    ];
    const parent = [
      { offset: 10, length: 20 },
      { offset: 150, length: 300 },
      { offset: 480, length: 150 },
      { offset: 700, length: 500 },
    ];
    expect(await extents(runs, 800, parent)).toEqual([
      { offset: 10, length: 20 },
      { offset: 150, length: 50 },
      { offset: 400, length: 50 },
      { offset: 480, length: 150 },
      { offset: 700, length: 100 },
    ]);
  });

  it('returns no extents for blocks of a missing parent', async () => {
    expect(await extents([{ source: 'parent', first: 0, count: 4 }], 400)).toEqual([]);
  });

  it('closes the extents of the parent when iteration stops early', async () => {
    let closed = false;
    async function* parent(): AsyncGenerator<Extent> {
      try {
        yield* stream([
          { offset: 0, length: 10 },
          { offset: 20, length: 10 },
          { offset: 40, length: 10 },
        ]);
      } finally {
        closed = true;
      }
    }
    const runs = stream<BlockRun>([{ source: 'parent', first: 0, count: 1 }]);
    for await (const extent of blockExtents(runs, { blockSize: 100, size: 100 }, parent())) {
      expect(extent).toEqual({ offset: 0, length: 10 });
      break;
    }
    expect(closed).toBe(true);
  });
});
