import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProgressTexts } from '../../../src/cli/progress/progress-text.ts';
import { totalsOf } from '../../support/transfer-totals.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe('ProgressTexts', () => {
  it('tells how much, how fast, how long still, and what was left out', () => {
    const texts = new ProgressTexts();
    texts.describe(totalsOf({ done: 4 * GIB, sent: 3 * GIB }));
    vi.advanceTimersByTime(1000);
    expect(texts.describe(totalsOf({ done: 4 * GIB + 64 * MIB, sent: 3 * GIB + 32 * MIB, retries: 2 }))).toEqual({
      fraction: (4 * GIB + 64 * MIB) / (10 * GIB),
      percent: ' 40%',
      amount: '4.06 GiB of 10.0 GiB',
      rate: '32.0 MiB/s',
      eta: '1:35',
      skipped: '101 GiB',
      retries: '2 retries',
    });
  });

  it('says what it knows while the length is being counted', () => {
    const texts = new ProgressTexts();
    const text = texts.describe(totalsOf({ planned: undefined, unallocated: undefined, retries: 1 }));
    expect(text).toEqual({
      fraction: undefined,
      percent: '  ?%',
      amount: '4.00 GiB',
      rate: '-',
      eta: '-:--',
      skipped: '1.00 GiB',
      retries: '1 retry',
    });
  });

  it('does not take what earlier runs did for speed when the length becomes known', () => {
    const texts = new ProgressTexts();
    texts.describe(totalsOf({ planned: undefined, done: 0, sent: 0 }));
    vi.advanceTimersByTime(10_000);
    texts.describe(totalsOf({ done: 9 * GIB, sent: 0 }));
    vi.advanceTimersByTime(1000);
    const text = texts.describe(totalsOf({ done: 9 * GIB + MIB, sent: MIB }));
    expect(text.eta).toBe('17:03');
  });

  it('never promises an end while nothing moves', () => {
    const texts = new ProgressTexts();
    for (let second = 0; second < 60; second++) {
      texts.describe(totalsOf());
      vi.advanceTimersByTime(1000);
    }
    expect(texts.describe(totalsOf())).toMatchObject({ rate: '0 B/s', eta: '-:--' });
  });

  it('says 100% only at the end, and for a disk with nothing to move', () => {
    const texts = new ProgressTexts();
    expect(texts.describe(totalsOf({ done: 10 * GIB - 1 })).percent).toBe(' 99%');
    expect(texts.describe(totalsOf({ done: 10 * GIB })).percent).toBe('100%');
    expect(new ProgressTexts().describe(totalsOf({ planned: 0, done: 0 }))).toMatchObject({
      fraction: 1,
      percent: '100%',
    });
  });
});
