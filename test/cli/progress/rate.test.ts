import { describe, expect, it } from 'vitest';
import { Rate } from '../../../src/cli/progress/rate.ts';

describe('Rate', () => {
  it('is unknown at first', () => {
    const rate = new Rate();
    expect(rate.perSecond(0, 0)).toBeUndefined();
    rate.add(100, 1000);
    expect(rate.perSecond(200, 1499)).toBeUndefined();
    expect(rate.perSecond(200, 1500)).toBe(200);
  });

  it('is the gain per second', () => {
    const rate = new Rate();
    for (let second = 0; second <= 10; second++) rate.add(second * 1000, second * 1000);
    expect(rate.perSecond(10_000, 10_000)).toBe(1000);
  });

  it('ignores samples older than 15 s', () => {
    const rate = new Rate();
    for (let second = 0; second <= 100; second++) rate.add(second * 1000, second * 1000);
    for (let second = 101; second <= 130; second++) rate.add(100_000 + (second - 100) * 10, second * 1000);
    expect(rate.perSecond(100_300, 130_000)).toBe(10);
  });

  it('falls to zero when nothing is transferred any more', () => {
    const rate = new Rate();
    for (let second = 0; second <= 10; second++) rate.add(second * 1000, second * 1000);
    for (let second = 11; second <= 40; second++) rate.add(10_000, second * 1000);
    expect(rate.perSecond(10_000, 40_000)).toBe(0);
  });

  it('starts over when the total does, and is never negative', () => {
    const rate = new Rate();
    for (let second = 0; second <= 10; second++) rate.add(second * 1000, second * 1000);
    rate.add(0, 10_100);
    expect(rate.perSecond(0, 10_100)).toBeUndefined();
    rate.add(500, 11_100);
    expect(rate.perSecond(500, 11_100)).toBe(500);
  });

  it('keeps few samples, however many are added', () => {
    const rate = new Rate();
    for (let timeMs = 0; timeMs < 60_000; timeMs++) rate.add(timeMs, timeMs);
    expect(rate.perSecond(59_999, 59_999)).toBeCloseTo(1000, 6);
  });
});
