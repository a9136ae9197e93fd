import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProgressLines } from '../../../src/cli/progress/progress-lines.ts';
import { takeText } from '../../support/captured-output.ts';
import { totalsOf } from '../../support/transfer-totals.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe('ProgressLines', () => {
  it('prints one line every ten seconds, however often totals are shown', () => {
    const stream = new PassThrough();
    const lines = new ProgressLines(stream);
    for (let second = 0; second <= 25; second++) {
      lines.show(totalsOf());
      vi.advanceTimersByTime(1000);
    }
    expect(takeText(stream)).toBe('40% 4.00 GiB of 10.0 GiB, 0 B/s, ETA -:--, skipped 101 GiB\n'.repeat(2));
  });

  it('prints other lines at once, and no progress after it was stopped', () => {
    const stream = new PassThrough();
    const lines = new ProgressLines(stream);
    lines.log('a warning');
    lines.stop();
    vi.advanceTimersByTime(60_000);
    lines.show(totalsOf());
    expect(takeText(stream)).toBe('a warning\n');
  });
});
