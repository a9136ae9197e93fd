import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes, formatRate, formatSeconds, parseDuration, parseRate } from '../../../src/cli/screens/units.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1, '1 B'],
    [999, '999 B'],
    [1000, '0.98 KiB'],
    [1536, '1.50 KiB'],
    [10 * KIB, '10.0 KiB'],
    [123 * KIB, '123 KiB'],
    [999.4 * KIB, '999 KiB'],
    [1000 * KIB, '0.98 MiB'],
    [4 * MIB, '4.00 MiB'],
    [127.5 * GIB, '128 GiB'],
    [64 * 1024 * GIB, '64.0 TiB'],
    [2 ** 60, '1024 PiB'],
  ])('writes %d as %s', (bytes, expected) => {
    expect(formatBytes(bytes)).toBe(expected);
  });

  it('has three significant digits, with an error of at most half a percent', () => {
    const factors: Readonly<Record<string, number>> = {
      B: 1,
      KiB: KIB,
      MiB: MIB,
      GiB: GIB,
      TiB: 1024 * GIB,
      PiB: 2 ** 50,
    };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 52 }), (bytes) => {
        const [digits = '', unit = ''] = formatBytes(bytes).split(' ');
        expect(digits.replace('.', '').length).toBeLessThanOrEqual(4);
        const value = Number(digits) * (factors[unit] ?? Number.NaN);
        expect(Math.abs(value - bytes) / bytes).toBeLessThanOrEqual(0.0056);
      }),
    );
  });
});

describe('formatRate', () => {
  it('formats bytes per second', () => {
    expect(formatRate(60 * MIB)).toBe('60.0 MiB/s');
  });
});

describe('formatSeconds', () => {
  it.each([
    [0, '0:00'],
    [-3, '0:00'],
    [5.4, '0:05'],
    [59.5, '1:00'],
    [65, '1:05'],
    [600, '10:00'],
    [3599.6, '1:00:00'],
    [3725, '1:02:05'],
    [36_000, '10:00:00'],
    [360_000, '100:00:00'],
  ])('writes %d as %s', (seconds, expected) => {
    expect(formatSeconds(seconds)).toBe(expected);
  });
});

describe('parseDuration', () => {
  it.each([
    ['90', 90_000],
    ['90s', 90_000],
    [' 15m ', 900_000],
    ['12h', 43_200_000],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
    ['250ms', 250],
    ['0', 0],
  ])('reads "%s"', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each(['', 's', '-1s', '1 h', '1e3', '.5h', '1h30m', '10x', 'Infinity', '0x10', '1,5h', '90S'])(
    'does not read "%s"',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});

describe('parseRate', () => {
  it.each([
    ['20MiB/s', 20 * MIB],
    ['1.5 MB/s', 1_500_000],
    ['800k', 800 * KIB],
    ['800KiB/s', 800 * KIB],
    ['1G', GIB],
    ['5000', 5000],
    ['5000B/s', 5000],
    ['12MBps', 12_000_000],
    ['100Mbit/s', 12_500_000],
    ['100Mbps', 12_500_000],
    ['100mbps', 12_500_000],
    ['100mbit', 12_500_000],
    ['1.5 Gbits/s', 187_500_000],
    ['8Mibit/s', MIB],
    ['8000bps', 1000],
    ['64kbit/s', 8000],
  ])('reads "%s"', (text, expected) => {
    expect(parseRate(text)).toBe(expected);
  });

  it.each([
    '',
    'fast',
    '-1M',
    '20Mb/s',
    '20mb',
    '20mb/s',
    '20b',
    '10Mbit/h',
    '10Tbit/s',
    '20Mib/s',
    '1T',
    '20MiB/h',
    '1e6',
  ])('does not read "%s"', (text) => {
    expect(parseRate(text)).toBeUndefined();
  });
});
