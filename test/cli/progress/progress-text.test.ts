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
  it('show the amount, the rate, the remaining time and the skipped bytes', () => {
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

  it('show the known values while the total is being counted', () => {
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

  it('do not count bytes of earlier runs as speed when the total becomes known', () => {
    const texts = new ProgressTexts();
    texts.describe(totalsOf({ planned: undefined, done: 0, sent: 0 }));
    vi.advanceTimersByTime(10_000);
    texts.describe(totalsOf({ done: 9 * GIB, sent: 0 }));
    vi.advanceTimersByTime(1000);
    const text = texts.describe(totalsOf({ done: 9 * GIB + MIB, sent: MIB }));
    expect(text.eta).toBe('17:03');
  });

  it('show no remaining time while nothing is transferred', () => {
    const texts = new ProgressTexts();
    for (let second = 0; second < 60; second++) {
      texts.describe(totalsOf());
      vi.advanceTimersByTime(1000);
    }
    expect(texts.describe(totalsOf())).toMatchObject({ rate: '0 B/s', eta: '-:--' });
  });

  it('show 100% only at the end, or for a disk without data', () => {
    const texts = new ProgressTexts();
    expect(texts.describe(totalsOf({ done: 10 * GIB - 1 })).percent).toBe(' 99%');
    expect(texts.describe(totalsOf({ done: 10 * GIB })).percent).toBe('100%');
    expect(new ProgressTexts().describe(totalsOf({ planned: 0, done: 0 }))).toMatchObject({
      fraction: 1,
      percent: '100%',
    });
  });
});
