import { describe, expect, it } from 'vitest';
import { type ByteRange, MIB, WINDOW_SIZE } from '../../src/base/byte-range.ts';
import { RangeSet } from '../../src/base/range-set.ts';
import type { PageRangeList } from '../../src/target/page-store.ts';
import { planWindows, type Window } from '../../src/transfer/plan.ts';
import { ListedPages } from '../../src/upload/recover.ts';
import { MemoryPageBlob, retrying } from '../support/memory-page-blob.ts';

const never = new AbortController().signal;

async function* extents(...list: readonly ByteRange[]): AsyncGenerator<ByteRange> {
  for (const extent of list) yield await Promise.resolve(extent);
}

function foundIn(blob: MemoryPageBlob, diskSize: number): ListedPages {
  return new ListedPages({ store: retrying(blob), diskSize, signal: never, done: new RangeSet(), mustBeZero: false });
}

describe('ListedPages', () => {
  it('knows the ranges that the blob lists in the windows in flight, and which windows used them', async () => {
    const blob = new MemoryPageBlob();
    blob.ranges = [
      { offset: 0, length: MIB },
      { offset: 3 * MIB, length: 2 * MIB },
      // Where the image has no data.
      { offset: 9 * MIB, length: 512 },
      { offset: 13 * MIB, length: MIB },
    ];
    const source = {
      diskSize: 16 * MIB,
      extents: () => extents({ offset: 0, length: 8 * MIB }, { offset: 12 * MIB, length: 4 * MIB }),
    };
    const found = foundIn(blob, source.diskSize);
    const windows: Window[] = [];
    for await (const window of found.alongside(planWindows(source))) windows.push(window);
    expect(windows.map(({ offset }) => offset)).toEqual([0, 4 * MIB, 12 * MIB]);
    expect(found.includes({ offset: 512, length: 1024 })).toBe(true);
    expect(found.includes({ offset: 0, length: MIB + 512 })).toBe(false);
    expect(found.includes({ offset: 4 * MIB, length: MIB })).toBe(true);
    expect(found.includes({ offset: 12 * MIB, length: MIB })).toBe(false);
    expect(windows.map((window) => found.windowDone(window))).toEqual([true, true, false]);
    expect(found.includes({ offset: 512, length: 1024 }), 'a window that is done').toBe(false);
  });

  it('reads an endless list only as far as the windows', async () => {
    const blob = new MemoryPageBlob();
    let answers = 0;
    blob.pageRanges = (marker): Promise<PageRangeList> => {
      answers += 1;
      const start = Number(marker ?? 0);
      const ranges = Array.from({ length: 1000 }, (_, index) => ({ offset: (start + index) * 1024, length: 512 }));
      return Promise.resolve({ ranges, marker: String(start + 1000) });
    };
    const diskSize = 2 ** 42;
    const found = foundIn(blob, diskSize);
    let taken = 0;
    for await (const window of found.alongside(
      planWindows({ diskSize, extents: () => extents({ offset: 0, length: diskSize }) }),
    )) {
      expect(found.includes({ offset: window.offset + 1024, length: 512 })).toBe(true);
      expect(found.windowDone(window)).toBe(true);
      if (++taken === 10) break;
    }
    // 4096 ranges are in each window.
    expect(answers).toBeLessThanOrEqual((11 * WINDOW_SIZE) / 1024 / 1000 + 2);
  });
});
