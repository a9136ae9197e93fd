import { describe, expect, it } from 'vitest';
import { Rate } from '../../../src/cli/progress/rate.ts';

describe('Rate', () => {
  it('knows nothing at first', () => {
    const rate = new Rate();
    expect(rate.perSecond(0, 0)).toBeUndefined();
    rate.add(100, 1000);
    expect(rate.perSecond(200, 1499)).toBeUndefined();
    expect(rate.perSecond(200, 1500)).toBe(200);
  });

  it('is what was gained a second', () => {
    const rate = new Rate();
    for (let second = 0; second <= 10; second++) rate.add(second * 1000, second * 1000);
    expect(rate.perSecond(10_000, 10_000)).toBe(1000);
  });

  it('forgets what was longer ago than 15 s', () => {
    const rate = new Rate();
    for (let second = 0; second <= 100; second++) rate.add(second * 1000, second * 1000);
    for (let second = 101; second <= 130; second++) rate.add(100_000 + (second - 100) * 10, second * 1000);
    expect(rate.perSecond(100_300, 130_000)).toBe(10);
  });

  it('falls to nothing when nothing moves any more', () => {
    const rate = new Rate();
    for (let second = 0; second <= 10; second++) rate.add(second * 1000, second * 1000);
    for (let second = 11; second <= 40; second++) rate.add(10_000, second * 1000);
    expect(rate.perSecond(10_000, 40_000)).toBe(0);
  });

  it('begins anew when the total does, and is never negative', () => {
    const rate = new Rate();
    for (let second = 0; second <= 10; second++) rate.add(second * 1000, second * 1000);
    rate.add(0, 10_100);
    expect(rate.perSecond(0, 10_100)).toBeUndefined();
    rate.add(500, 11_100);
    expect(rate.perSecond(500, 11_100)).toBe(500);
  });

  it('keeps few samples, however many it is given', () => {
    const rate = new Rate();
    for (let timeMs = 0; timeMs < 60_000; timeMs++) rate.add(timeMs, timeMs);
    expect(rate.perSecond(59_999, 59_999)).toBeCloseTo(1000, 6);
  });
});
