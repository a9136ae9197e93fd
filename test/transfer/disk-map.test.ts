import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WINDOW_SIZE } from '../../src/base/byte-range.ts';
import { REPORT_CELLS } from '../../src/report/run-recorder.ts';
import { DiskMap, MAP_CELLS } from '../../src/transfer/disk-map.ts';

const sum = (cells: readonly number[] = []) => cells.reduce((total, bytes) => total + bytes, 0);

function eventOf(map: DiskMap) {
  const event = map.event();
  if (event.type !== 'map') throw new Error('It is not a map.');
  return event;
}

function windowAt(offset: number, extents?: readonly { offset: number; length: number }[]) {
  const allocated = extents === undefined ? WINDOW_SIZE : sum(extents.map(({ length }) => length));
  const range = { offset, length: WINDOW_SIZE };
  return { ...range, covers: range, allocated, ...(extents === undefined ? {} : { extents }) };
}

describe('DiskMap', () => {
  it('counts what was read and moved, and what was done before', () => {
    const map = new DiskMap(8 * WINDOW_SIZE, [{ offset: 0, length: WINDOW_SIZE }]);
    map.windowDone(windowAt(WINDOW_SIZE, [{ offset: WINDOW_SIZE, length: 8192 }]), [
      { offset: WINDOW_SIZE, length: 512 },
    ]);
    map.windowDone(windowAt(2 * WINDOW_SIZE), []);
    const { before, read, moved, kept, size } = eventOf(map);
    expect([sum(before), sum(read), sum(moved), size]).toEqual([WINDOW_SIZE, 8192 + WINDOW_SIZE, 512, 8 * WINDOW_SIZE]);
    expect(kept).toBeUndefined();
  });

  it('counts a window in which the image has nothing as not read', () => {
    const map = new DiskMap(8 * WINDOW_SIZE, []);
    map.windowDone({ ...windowAt(0), allocated: 0 }, []);
    expect(sum(eventOf(map).read)).toBe(0);
  });

  it('counts the pieces of a window apart, if it was split', () => {
    const map = new DiskMap(8 * WINDOW_SIZE, []);
    const pieces = [
      { offset: 0, length: 512, fate: 'send' },
      { offset: 512, length: 1024, fate: 'keep' },
      { offset: 4096, length: 512, fate: 'clear' },
    ] as const;
    map.windowDone(windowAt(0), [{ offset: 0, length: 1536 }], pieces);
    expect([sum(eventOf(map).moved), sum(eventOf(map).kept)]).toEqual([512, 1024]);
  });

  it('has a bounded number of cells for every disk: as many as a report understands', () => {
    expect(REPORT_CELLS).toBe(MAP_CELLS);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 37 }), (sectors) => {
        const { moved, cellSize, size } = eventOf(new DiskMap(sectors * 512, []));
        expect(moved.length).toBe(Math.ceil(size / cellSize));
        expect(moved.length).toBeLessThanOrEqual(MAP_CELLS);
      }),
      { numRuns: 30 },
    );
  });
});
