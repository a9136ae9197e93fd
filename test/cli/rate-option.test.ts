import { describe, expect, it } from 'vitest';
import { rateLimitOf } from '../../src/cli/rate-option.ts';
import { UsageError } from '../../src/errors.ts';

const MBIT = 125_000;
const OFF = Number.POSITIVE_INFINITY;

describe('--max-rate', () => {
  it.each([
    ['20MiB/s', 20 * 1024 * 1024],
    ['100Mbit/s', 100 * MBIT],
  ])('takes the rate %s', (text, rate) => {
    expect(rateLimitOf('max-rate', text)).toBe(rate);
  });

  it.each([
    [
      '08:00,10Mbit/s 18:00,off',
      [
        { minute: 480, rate: 10 * MBIT },
        { minute: 1080, rate: OFF },
      ],
    ],
    ['0:30,800k', [{ minute: 30, rate: 800 * 1024 }]],
    ['Sat-10:00,1MB/s', [{ days: [6], minute: 600, rate: 1_000_000 }]],
    [
      '  Mon-Fri-08:00,10mbps   mon-fri-18:00,OFF ',
      [
        { days: [1, 2, 3, 4, 5], minute: 480, rate: 10 * MBIT },
        { days: [1, 2, 3, 4, 5], minute: 1080, rate: OFF },
      ],
    ],
    ['Friday-Monday-00:00,off', [{ days: [5, 6, 0, 1], minute: 0, rate: OFF }]],
    ['Sun-Sat-12:00,1M', [{ days: [0, 1, 2, 3, 4, 5, 6], minute: 720, rate: 1024 * 1024 }]],
  ])('takes the timetable "%s"', (text, timetable) => {
    expect(rateLimitOf('max-rate', text)).toEqual(timetable);
  });

  it.each([
    ['fast', 'must be a rate such as 20MiB/s or 100Mbit/s, or a timetable'],
    ['08:00', 'must be a rate'],
    ['24:00,1M', 'the time is not one of 00:00 to 23:59'],
    ['08:60,1M', 'the time is not one of 00:00 to 23:59'],
    ['08:00,fast', 'the rate is neither a rate such as 10Mbit/s nor off'],
    ['08:00,1M 18:00', 'it is not a time and a rate'],
    ['Someday-08:00,1M', 'it is not a time and a rate'],
    ['08:00, 1M', 'it is not a time and a rate'],
    ['08:00,1M;18:00,off', 'neither a rate'],
  ])('refuses "%s" and says what is wrong', (text, problem) => {
    expect(() => rateLimitOf('max-rate', text)).toThrow(UsageError);
    expect(() => rateLimitOf('max-rate', text)).toThrow(problem);
  });
});
