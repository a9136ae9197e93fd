import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { peakRate, RateClock, type RateTimetable } from '../../src/base/rate-timetable.ts';

const HOUR = 3_600_000;
const WEEKDAYS = [1, 2, 3, 4, 5];
const OFFICE_HOURS: RateTimetable = [
  { days: WEEKDAYS, minute: 8 * 60, rate: 1000 },
  { days: WEEKDAYS, minute: 18 * 60, rate: Number.POSITIVE_INFINITY },
];
const EVERY_DAY: RateTimetable = [
  { minute: 8 * 60, rate: 1000 },
  { minute: 18 * 60, rate: 4000 },
];

/** Local time. 2026-11-02 is a Monday. */
function at(day: number, hours: number, minutes = 0): number {
  return new Date(2026, 10, day, hours, minutes).getTime();
}

describe('the clock of a rate limit', () => {
  it.each([
    ['a Monday morning before work', at(2, 7, 59), Number.POSITIVE_INFINITY],
    ['the begin of work', at(2, 8), 1000],
    ['the last minute of work', at(2, 17, 59), 1000],
    ['the evening', at(2, 18), Number.POSITIVE_INFINITY],
    ['a Saturday noon', at(7, 12), Number.POSITIVE_INFINITY],
    ['a Sunday', at(8, 9), Number.POSITIVE_INFINITY],
  ])('finds the rate of %s', (_, timeMs, rate) => {
    expect(new RateClock(OFFICE_HOURS).rateAt(timeMs)).toBe(rate);
  });

  it('keeps a rate over midnight and over weeks, if nothing changes it', () => {
    expect(new RateClock(EVERY_DAY).rateAt(at(4, 3))).toBe(4000);
    const once: RateTimetable = [{ days: [3], minute: 720, rate: 5000 }];
    for (const day of [1, 2, 3, 4, 5, 6, 7, 8]) expect(new RateClock(once).rateAt(at(day, 12)), `${day}`).toBe(5000);
  });

  it('has the same rate at all times if it has no timetable', () => {
    const clock = new RateClock(2000);
    expect(clock.rateAt(0)).toBe(2000);
    expect(clock.endOf(5000, 1e12)).toBe(1e12 + 2500);
    expect(new RateClock(Number.POSITIVE_INFINITY).endOf(1e15, 7)).toBe(7);
  });

  it('admits bytes at the rates of both sides of a change', () => {
    const clock = new RateClock(EVERY_DAY);
    // Ten seconds at 1,000 bytes per second, then the rest at 4,000.
    expect(clock.endOf(10_000 + 8000, at(2, 18) - 10_000)).toBe(at(2, 18) + 2000);
    // A whole day: ten hours at 1,000, and fourteen at 4,000.
    expect(clock.endOf((10 * 1000 + 14 * 4000) * 3600, at(2, 8))).toBe(at(3, 8));
  });

  it('admits everything at once where the limit ends', () => {
    expect(new RateClock(OFFICE_HOURS).endOf(1e12, at(2, 17, 59))).toBe(at(2, 18));
  });

  it('finds the right rate whatever it was asked before', () => {
    const clock = new RateClock(EVERY_DAY);
    const asked = [at(2, 9), at(2, 19), at(2, 9), at(20, 8), at(1, 7)].map((timeMs) => clock.rateAt(timeMs));
    expect(asked).toEqual([1000, 4000, 1000, 1000, 4000]);
  });

  it('reports its highest rate', () => {
    expect(peakRate(EVERY_DAY)).toBe(4000);
    expect(peakRate(OFFICE_HOURS)).toBe(Number.POSITIVE_INFINITY);
    expect(peakRate(7)).toBe(7);
  });
});

describe('a timetable where clocks change', () => {
  const zone = process.env['TZ'];
  beforeEach(() => {
    process.env['TZ'] = 'Europe/Berlin';
  });
  afterEach(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  it.each([
    ['spring', 2, 29, 23],
    ['autumn', 9, 25, 25],
  ])('is that of the wall clock on a day in %s', (_, month, day, hours) => {
    const midnight = new Date(2026, month, day).getTime();
    const next = new Date(2026, month, day + 1).getTime();
    expect(next - midnight).toBe(hours * HOUR);
    const clock = new RateClock(EVERY_DAY);
    const eight = new Date(2026, month, day, 8).getTime();
    expect([clock.rateAt(eight - 1), clock.rateAt(eight)]).toEqual([4000, 1000]);
    expect(clock.endOf(4000, eight - 500)).toBe(eight + 2000);
  });
});
