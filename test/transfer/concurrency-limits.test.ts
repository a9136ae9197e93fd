import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { concurrencyOf, localConcurrency, threadsWarning } from '../../src/transfer/concurrency-limits.ts';

describe('concurrencyOf', () => {
  it('accepts 1 to 64 requests, with one more window in memory', () => {
    for (const threads of [1, 8, 50]) {
      expect(concurrencyOf(threads)).toEqual({ maxRequests: threads, maxWindows: threads + 1 });
    }
  });

  it('allows at most 204 MiB of windows for any number of requests', () => {
    expect(concurrencyOf(51)).toEqual({ maxRequests: 51, maxWindows: 51 });
    expect(concurrencyOf(64)).toEqual({ maxRequests: 64, maxWindows: 51 });
  });

  it('allows at most 28 MiB of windows by default', () => {
    expect(concurrencyOf()).toEqual(concurrencyOf('auto'));
    expect(concurrencyOf()).toEqual({ maxRequests: 64, maxWindows: 7 });
  });

  it.each([0, -1, 65, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d', (threads) => {
    expect(() => concurrencyOf(threads)).toThrow(UsageError);
  });

  it('refuses any other word', () => {
    expect(() => concurrencyOf('many' as never)).toThrow(/auto or an integer from 1 to 64, but is many/);
  });
});

describe('threadsWarning', () => {
  it('explains the effect of more threads than windows in memory, and is silent otherwise', () => {
    for (const threads of ['auto', 1, 50, 51] as const) expect(threadsWarning(concurrencyOf(threads))).toBeUndefined();
    for (const threads of [52, 64]) {
      expect(threadsWarning(concurrencyOf(threads))).toMatch(
        new RegExp(`^--threads ${threads}: .*up to 51 requests at once, scattered data in up to ${threads}\\.$`),
      );
    }
  });
});

describe('localConcurrency', () => {
  it('is eight windows by default, and otherwise follows the option', () => {
    expect(localConcurrency().limit.concurrency).toBe(8);
    expect(localConcurrency('auto').maxWindows).toBe(9);
    expect(localConcurrency(3).limit.concurrency).toBe(3);
    expect(() => localConcurrency(0)).toThrow(UsageError);
  });
});
