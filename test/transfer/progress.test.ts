import { describe, expect, it } from 'vitest';
import { MIB } from '../../src/base/byte-range.ts';
import { PageSetDigest } from '../../src/transfer/page-set-digest.ts';
import { Progress } from '../../src/transfer/progress.ts';

const WINDOW = 4 * MIB;
const first = { offset: 0, length: WINDOW, allocated: WINDOW, covers: { offset: 0, length: WINDOW } };
const second = {
  offset: 2 * WINDOW,
  length: WINDOW,
  allocated: MIB,
  covers: { offset: WINDOW, length: 2 * WINDOW },
};

describe('Progress', () => {
  it('counts bytes that were read, sent or zero', () => {
    const progress = new Progress();
    progress.runSent({ offset: 0, length: MIB });
    progress.windowDone(first, [{ offset: 0, length: MIB }]);
    expect(progress.totals(4 * WINDOW)).toEqual({
      planned: undefined,
      done: WINDOW,
      read: WINDOW,
      sent: MIB,
      sentBefore: 0,
      unallocated: undefined,
      zeros: 3 * MIB,
    });
  });

  it('reports planned and unallocated bytes once the plan is counted', () => {
    const progress = new Progress();
    progress.plan = { planned: 2 * WINDOW, done: 0, allocated: WINDOW + MIB };
    expect(progress.totals(4 * WINDOW)).toMatchObject({
      planned: 2 * WINDOW,
      done: 0,
      unallocated: 4 * WINDOW - WINDOW - MIB,
    });
  });

  it('never counts a negative number of zeros for joined gaps outside of allocated ranges', () => {
    const progress = new Progress();
    progress.windowDone(second, [{ offset: 2 * WINDOW, length: 2 * MIB }]);
    expect(progress.zeros).toBe(0);
  });

  it('marks the window and the gap before it as done, and keeps earlier ranges', () => {
    const progress = new Progress();
    progress.windowDone(first, []);
    progress.windowDone(second, []);
    expect(progress.done.ranges).toEqual([{ offset: 0, length: 3 * WINDOW }]);
    expect(progress.doneBefore.ranges).toEqual([]);
  });

  it('includes only pages of finished windows in the digest', () => {
    const progress = new Progress();
    const run = { offset: 512, length: 1024 };
    progress.runSent(run);
    expect(progress.pages.bytes).toBe(0);
    progress.windowDone(first, [run]);
    const expected = new PageSetDigest();
    expected.add(run);
    expect(progress.pages.equals(expected)).toBe(true);
  });

  it('continues from an earlier run', () => {
    const earlier = new Progress();
    earlier.windowDone(first, [{ offset: 0, length: 512 }]);
    const progress = new Progress({
      done: earlier.done.ranges,
      sent: { bytes: earlier.pages.bytes, pages: earlier.pages.toString() },
    });
    progress.plan = { planned: 2 * WINDOW, done: WINDOW, allocated: WINDOW + MIB };
    progress.windowDone(second, [{ offset: 2 * WINDOW, length: 1024 }]);
    expect(progress.totals(4 * WINDOW)).toMatchObject({ done: 2 * WINDOW, sentBefore: 512, read: MIB });
    expect(progress.doneBefore.ranges).toEqual([{ offset: 0, length: WINDOW }]);
    expect(progress.pages.bytes).toBe(1536);
  });
});
