import { describe, expect, it } from 'vitest';
import { BlockRanges, type BlockState } from '../../src/inspect/block-ranges.ts';
import { RowList, type StructureRow } from '../../src/inspect/structure.ts';

function rangesOf(states: readonly BlockState[], stored: number): readonly StructureRow[] {
  const rows = new RowList({ all: true });
  const ranges = new BlockRanges(rows, stored);
  for (const state of states) ranges.add(state);
  ranges.end();
  return rows.rows;
}

function stored(block: number, offset: number): BlockState {
  return { block, state: 'allocated', offset };
}

describe('block ranges', () => {
  it('merge blocks that are adjacent on the disk and in the file, packed or aligned', () => {
    expect(rangesOf([stored(0, 0), stored(1, 1000), stored(2, 2000)], 1000)).toHaveLength(1);
    expect(rangesOf([stored(0, 0), stored(1, 4500), stored(2, 9000)], 1000)).toHaveLength(1);
  });

  it('end at a gap in the file, at a step backwards, and where the step changes', () => {
    expect(rangesOf([stored(0, 0), stored(1, 6000)], 1000)).toHaveLength(2);
    expect(rangesOf([stored(0, 6000), stored(1, 0)], 1000)).toHaveLength(2);
    expect(rangesOf([stored(0, 0), stored(1, 1000), stored(2, 2500)], 1000)).toEqual([
      { firstBlock: 0, lastBlock: 1, state: 'allocated', offset: 0 },
      { firstBlock: 2, lastBlock: 2, state: 'allocated', offset: 2500 },
    ]);
  });

  it('merge blocks that are added in bulk', () => {
    const none = (block: number, count: number): BlockState => ({ block, count, state: 'unallocated' });
    expect(rangesOf([none(0, 10), none(10, 5), stored(15, 0), none(16, 4), none(21, 2)], 1000)).toEqual([
      { firstBlock: 0, lastBlock: 14, state: 'unallocated', offset: undefined },
      { firstBlock: 15, lastBlock: 15, state: 'allocated', offset: 0 },
      { firstBlock: 16, lastBlock: 19, state: 'unallocated', offset: undefined },
      { firstBlock: 21, lastBlock: 22, state: 'unallocated', offset: undefined },
    ]);
  });

  it('end at another state, and at a skipped block', () => {
    const none = (block: number): BlockState => ({ block, state: 'unallocated' });
    expect(rangesOf([none(0), none(1), stored(2, 0), none(3), none(5)], 1000)).toEqual([
      { firstBlock: 0, lastBlock: 1, state: 'unallocated', offset: undefined },
      { firstBlock: 2, lastBlock: 2, state: 'allocated', offset: 0 },
      { firstBlock: 3, lastBlock: 3, state: 'unallocated', offset: undefined },
      { firstBlock: 5, lastBlock: 5, state: 'unallocated', offset: undefined },
    ]);
  });

  it('are limited to 64 unless all are requested, and the others are counted', () => {
    const rows = new RowList({ all: false });
    for (let block = 0; block < 100; block++) rows.add({ block });
    expect(rows.rows).toHaveLength(64);
    expect(rows.listed.rowsLeftOut).toBe(36);
  });
});
