import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../src/errors.ts';

import { checkChecksum, checkMaxRate, checkMetadata, checkRetryOptions, checkVerify } from '../src/validate-options.ts';

describe('checkChecksum', () => {
  it('accepts the three algorithms, and defaults to crc64', () => {
    expect(checkChecksum()).toBe('crc64');
    for (const checksum of ['crc64', 'md5', 'none'] as const) expect(checkChecksum(checksum)).toBe(checksum);
  });

  it('refuses anything else', () => {
    expect(() => checkChecksum('sha1' as never)).toThrow(/crc64, md5, none, but is sha1/);
  });
});

describe('checkMetadata', () => {
  it('accepts C# identifiers as names, and printable ASCII as values', () => {
    const metadata = { owner: 'me', _source: 'a = b; c', B2: '' };
    expect(checkMetadata(metadata)).toBe(metadata);
    expect(checkMetadata()).toEqual({});
  });

  it.each(['', '2fast', 'a-b', 'a b', 'größe', 'a\r\nx-ms-meta-b', '__proto__', '__PROTO__'])(
    'refuses the name "%s"',
    (name) => {
      expect(() => checkMetadata({ [name]: 'x' })).toThrow(UsageError);
    },
  );

  it.each(['vhdup_state', 'VHDUP_upload_id', 'vhdup_'])('refuses the reserved name %s', (name) => {
    expect(() => checkMetadata({ [name]: 'x' })).toThrow(/reserved/);
  });

  it('refuses names that differ only in case: HTTP makes one header of them', () => {
    expect(() => checkMetadata({ owner: 'one', Owner: 'two' })).toThrow(/case-sensitive/);
  });

  it.each([' x', 'x ', 'ü', 'a\nb', 'a\u0000b', '\t'])('refuses the value %j', (value) => {
    expect(() => checkMetadata({ name: value })).toThrow(UsageError);
  });

  it('refuses every value that HTTP would change or refuse', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const isFit = [...value].every((character) => character >= ' ' && character <= '~') && value === value.trim();
        const check = () => checkMetadata({ name: value });
        if (isFit) expect(check).not.toThrow();
        else expect(check).toThrow(UsageError);
      }),
    );
  });

  it('refuses more than the service stores', () => {
    expect(() => checkMetadata({ name: 'x'.repeat(6140) })).not.toThrow();
    expect(() => checkMetadata({ name: 'x'.repeat(6141) })).toThrow(/6145 bytes/);
  });
});

describe('checkRetryOptions', () => {
  it('accepts common values', () => {
    expect(() => checkRetryOptions({})).not.toThrow();
    expect(() =>
      checkRetryOptions({
        retries: 0,
        giveUpAfterMs: Number.POSITIVE_INFINITY,
        attemptTimeoutMs: 60_000,
        retryDelayMs: 0,
        maxRetryDelayMs: 0,
        stallTimeoutMs: 1000,
      }),
    ).not.toThrow();
    expect(() => checkRetryOptions({ retries: Number.POSITIVE_INFINITY })).not.toThrow();
  });

  it.each([
    'retries',
    'giveUpAfterMs',
    'attemptTimeoutMs',
    'retryDelayMs',
    'maxRetryDelayMs',
    'stallTimeoutMs',
  ] as const)('refuses a negative %s and NaN', (name) => {
    expect(() => checkRetryOptions({ [name]: -1 })).toThrow(new RegExp(`^${name} `));
    expect(() => checkRetryOptions({ [name]: Number.NaN })).toThrow(UsageError);
  });

  it.each(['attemptTimeoutMs', 'retryDelayMs', 'maxRetryDelayMs', 'stallTimeoutMs'] as const)(
    'refuses a %s that no timer can hold',
    (name) => {
      expect(() => checkRetryOptions({ [name]: 2 ** 31 - 1 })).not.toThrow();
      expect(() => checkRetryOptions({ [name]: 2 ** 31 })).toThrow(/24 days/);
      expect(() => checkRetryOptions({ [name]: Number.POSITIVE_INFINITY })).toThrow(UsageError);
    },
  );

  it.each(['attemptTimeoutMs', 'stallTimeoutMs'] as const)('refuses a %s of 0', (name) => {
    expect(() => checkRetryOptions({ [name]: 0 })).toThrow(UsageError);
  });
});

describe('checkVerify', () => {
  it('accepts each level, and the older name of ranges', () => {
    for (const level of [undefined, 'none', 'ranges', 'full'] as const) expect(checkVerify(level)).toBe(level);
    expect(checkVerify('map')).toBe('ranges');
    expect(() => checkVerify('some' as never)).toThrow(/one of none, ranges, full, but is some/);
  });
});

describe('checkMaxRate', () => {
  it('accepts a rate, a timetable, or nothing', () => {
    expect(checkMaxRate()).toBe(Number.POSITIVE_INFINITY);
    expect(checkMaxRate(1024)).toBe(1024);
    const timetable = [
      { minute: 0, rate: Number.POSITIVE_INFINITY },
      { days: [1, 2], minute: 480, rate: 2048 },
    ];
    expect(checkMaxRate(timetable)).toBe(timetable);
  });

  it.each([
    [1023, 'at least 1024 bytes per second, but is 1023'],
    [Number.NaN, 'but is NaN'],
    [[], 'a timetable without any entry'],
    [[{ minute: 1440, rate: 2048 }], 'a minute of the day from 0 to 1439, but is 1440'],
    [[{ minute: 1.5, rate: 2048 }], 'but is 1.5'],
    [[{ minute: 0, rate: 100 }], 'Each rate of maxRate must be at least 1024 bytes per second, but one is 100'],
    [[{ days: [7], minute: 0, rate: 2048 }], 'A day of maxRate must be 0 to 6, but is 7'],
    [
      [
        { minute: 480, rate: 2048 },
        { days: [1], minute: 480, rate: 4096 },
      ],
      'two rates for Monday 08:00',
    ],
  ])('refuses %j', (rate, message) => {
    expect(() => checkMaxRate(rate)).toThrow(UsageError);
    expect(() => checkMaxRate(rate)).toThrow(message);
  });
});
