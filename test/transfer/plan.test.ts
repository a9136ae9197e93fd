import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteRange, endOf, MIB, WINDOW_SIZE } from '../../src/base/byte-range.ts';
import { RangeSet } from '../../src/base/range-set.ts';
import { planTotals, planWindows, type Window, windowsLeft } from '../../src/transfer/plan.ts';

/** The granularity of the model: an eighth of a window. */
const STEP = WINDOW_SIZE / 8;
const STEPS = 100;

interface Disk {
  readonly diskSize: number;
  readonly extents: readonly ByteRange[];
}

/** A disk of whole MiB with ascending extents that do not touch, aligned to windows or not. */
const anyDisk: fc.Arbitrary<Disk> = fc
  .record({
    mebibytes: fc.integer({ min: 1, max: (STEPS * STEP) / MIB }),
    marks: fc.array(fc.boolean(), { minLength: STEPS, maxLength: STEPS }),
    shift: fc.constantFrom(0, 512, 4096),
  })
  .map(({ mebibytes, marks, shift }) => {
    const diskSize = mebibytes * MIB;
    const extents: ByteRange[] = [];
    for (const [step, isMarked] of marks.entries()) {
      const offset = step * STEP + shift;
      const end = Math.min((step + 1) * STEP, diskSize);
      if (isMarked && end > offset) extents.push({ offset, length: end - offset });
    }
    return { diskSize, extents: shift === 0 ? new RangeSet(extents).ranges : extents };
  });

function sourceOf({ diskSize, extents }: Disk) {
  return {
    diskSize,
    async *extents() {
      for await (const extent of extents) yield extent;
    },
  };
}

async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

function overlap(one: ByteRange, other: ByteRange): number {
  return Math.max(0, Math.min(endOf(one), endOf(other)) - Math.max(one.offset, other.offset));
}

/** The expected plan: every window of the disk that overlaps an extent. */
function expectedWindows({ diskSize, extents }: Disk): ByteRange[] {
  const windows: ByteRange[] = [];
  for (let offset = 0; offset < diskSize; offset += WINDOW_SIZE) {
    const window = { offset, length: Math.min(WINDOW_SIZE, diskSize - offset) };
    if (extents.some((extent) => overlap(extent, window) > 0)) windows.push(window);
  }
  return windows;
}

const rangeOf = ({ offset, length }: Window): ByteRange => ({ offset, length });

describe('planWindows', () => {
  it('yields exactly the windows that overlap an extent, in ascending order', async () => {
    await fc.assert(
      fc.asyncProperty(anyDisk, async (disk) => {
        const windows = await listOf(planWindows(sourceOf(disk)));
        expect(windows.map(rangeOf)).toEqual(expectedWindows(disk));
      }),
    );
  });

  it('counts the allocated bytes of a window', async () => {
    await fc.assert(
      fc.asyncProperty(anyDisk, async (disk) => {
        for (const window of await listOf(planWindows(sourceOf(disk)))) {
          expect(window.allocated).toBe(disk.extents.reduce((sum, extent) => sum + overlap(extent, window), 0));
        }
      }),
    );
  });

  it('covers everything from 0 to the end of the last window, without holes or overlaps', async () => {
    await fc.assert(
      fc.asyncProperty(anyDisk, async (disk) => {
        let end = 0;
        for (const window of await listOf(planWindows(sourceOf(disk)))) {
          expect(window.covers.offset).toBe(end);
          expect(endOf(window.covers)).toBe(endOf(window));
          end = endOf(window);
        }
      }),
    );
  });

  it('yields nothing for a disk without extents', async () => {
    expect(await listOf(planWindows(sourceOf({ diskSize: MIB, extents: [] })))).toEqual([]);
  });

  it('shortens the last window at the end of the disk', async () => {
    const disk = { diskSize: WINDOW_SIZE + MIB, extents: [{ offset: WINDOW_SIZE + 512, length: 512 }] };
    expect(await listOf(planWindows(sourceOf(disk)))).toEqual([
      {
        offset: WINDOW_SIZE,
        length: MIB,
        allocated: 512,
        covers: { offset: 0, length: WINDOW_SIZE + MIB },
        extents: [{ offset: WINDOW_SIZE + 512, length: 512 }],
      },
    ]);
  });

  it('names the extents of each window, cut at its borders', async () => {
    const extents = [
      { offset: 512, length: 512 },
      { offset: WINDOW_SIZE - 512, length: 1024 },
    ];
    const windows = await listOf(planWindows(sourceOf({ diskSize: 2 * WINDOW_SIZE, extents })));
    expect(windows.map((window) => window.extents)).toEqual([
      [extents[0], { offset: WINDOW_SIZE - 512, length: 512 }],
      [{ offset: WINDOW_SIZE, length: 512 }],
    ]);
  });

  it('walks an extent of 64 TiB lazily', async () => {
    const size = 64 * 2 ** 40;
    const windows = planWindows(sourceOf({ diskSize: size, extents: [{ offset: size - MIB, length: MIB }] }));
    expect((await windows.next()).value).toMatchObject({ offset: size - WINDOW_SIZE, length: WINDOW_SIZE });
    const many = planWindows(sourceOf({ diskSize: size, extents: [{ offset: 0, length: size }] }));
    for (let index = 0; index < 3; index++) {
      expect((await many.next()).value).toMatchObject({ offset: index * WINDOW_SIZE, allocated: WINDOW_SIZE });
    }
    await many.return(undefined);
  });
});

/** A disk, and the windows that an earlier run finished. */
const anyResumed = fc.tuple(anyDisk, fc.array(fc.boolean(), { minLength: STEPS, maxLength: STEPS }));

describe('windowsLeft', () => {
  it('yields exactly the windows that an earlier run did not finish', async () => {
    await fc.assert(
      fc.asyncProperty(anyResumed, async ([disk, wasDone]) => {
        const windows = await listOf(planWindows(sourceOf(disk)));
        const done = new RangeSet(windows.filter((_, index) => wasDone[index]).map(({ covers }) => covers));
        const remaining = await listOf(windowsLeft(planWindows(sourceOf(disk)), done));
        expect(remaining.map(rangeOf)).toEqual(windows.filter((_, index) => !wasDone[index]).map(rangeOf));
      }),
    );
  });

  it('leaves one done range when all windows are done, wherever the second run started', async () => {
    await fc.assert(
      fc.asyncProperty(anyResumed, async ([disk, wasDone]) => {
        const windows = await listOf(planWindows(sourceOf(disk)));
        fc.pre(windows.length > 0);
        const done = new RangeSet(windows.filter((_, index) => wasDone[index]).map(({ covers }) => covers));
        for (const { covers } of await listOf(windowsLeft(planWindows(sourceOf(disk)), done))) done.add(covers);
        expect(done.ranges).toEqual([{ offset: 0, length: endOf(windows.at(-1) ?? { offset: 0, length: 0 }) }]);
      }),
    );
  });
});

describe('planTotals', () => {
  it('sums windows, extents and finished windows', async () => {
    await fc.assert(
      fc.asyncProperty(anyResumed, async ([disk, wasDone]) => {
        const windows = await listOf(planWindows(sourceOf(disk)));
        const doneWindows = windows.filter((_, index) => wasDone[index]);
        const done = new RangeSet(doneWindows.map(({ covers }) => covers));
        const sum = (ranges: readonly ByteRange[]) => ranges.reduce((total, { length }) => total + length, 0);
        expect(await planTotals(planWindows(sourceOf(disk)), done)).toEqual({
          planned: sum(windows),
          done: sum(doneWindows),
          allocated: sum(disk.extents),
        });
      }),
    );
  });

  it('stops with the reason of the signal', async () => {
    const reason = new Error('enough');
    const disk = { diskSize: MIB, extents: [{ offset: 0, length: MIB }] };
    const counting = planTotals(planWindows(sourceOf(disk)), new RangeSet(), AbortSignal.abort(reason));
    await expect(counting).rejects.toBe(reason);
  });
});
