import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../src/errors.ts';
import {
  checkChecksum,
  checkMetadata,
  checkRetryOptions,
  checkVerify,
  concurrencyOf,
  localConcurrency,
  threadsWarning,
} from '../src/options.ts';

describe('concurrencyOf', () => {
  it('takes 1 to 64 requests, with one window more than that in memory', () => {
    for (const threads of [1, 8, 50]) {
      expect(concurrencyOf(threads)).toEqual({ maxRequests: threads, maxWindows: threads + 1 });
    }
  });

  it('holds at most 204 MiB of windows, however many requests there may be', () => {
    expect(concurrencyOf(51)).toEqual({ maxRequests: 51, maxWindows: 51 });
    expect(concurrencyOf(64)).toEqual({ maxRequests: 64, maxWindows: 51 });
  });

  it('says what more threads do than windows fit into memory, and is silent otherwise', () => {
    for (const threads of ['auto', 1, 50, 51] as const) expect(threadsWarning(concurrencyOf(threads))).toBeUndefined();
    for (const threads of [52, 64]) {
      expect(threadsWarning(concurrencyOf(threads))).toMatch(
        new RegExp(`^--threads ${threads}: .*up to 51 requests at once, scattered data in up to ${threads}\\.$`),
      );
    }
  });

  it('holds at most 32 MiB of windows when nothing is said', () => {
    expect(concurrencyOf()).toEqual(concurrencyOf('auto'));
    expect(concurrencyOf()).toEqual({ maxRequests: 64, maxWindows: 8 });
  });

  it.each([0, -1, 65, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d', (threads) => {
    expect(() => concurrencyOf(threads)).toThrow(UsageError);
  });

  it('refuses another word', () => {
    expect(() => concurrencyOf('many' as never)).toThrow(/auto or an integer from 1 to 64, but is many/);
  });
});

describe('localConcurrency', () => {
  it('is eight windows when nothing is said, and what is said otherwise', () => {
    expect(localConcurrency().limit.concurrency).toBe(8);
    expect(localConcurrency('auto').maxWindows).toBe(9);
    expect(localConcurrency(3).limit.concurrency).toBe(3);
    expect(() => localConcurrency(0)).toThrow(UsageError);
  });
});

describe('checkChecksum', () => {
  it('takes the three algorithms, and crc64 when nothing is said', () => {
    expect(checkChecksum()).toBe('crc64');
    for (const checksum of ['crc64', 'md5', 'none'] as const) expect(checkChecksum(checksum)).toBe(checksum);
  });

  it('refuses anything else', () => {
    expect(() => checkChecksum('sha1' as never)).toThrow(/crc64, md5, none, but is sha1/);
  });
});

describe('checkMetadata', () => {
  it('takes names that are C# identifiers and values of printable ASCII', () => {
    const metadata = { owner: 'me', _source: 'a = b; c', B2: '' };
    expect(checkMetadata(metadata)).toBe(metadata);
    expect(checkMetadata()).toEqual({});
  });

  it.each(['', '2fast', 'a-b', 'a b', 'größe', 'a\r\nx-ms-meta-b'])('refuses the name "%s"', (name) => {
    expect(() => checkMetadata({ [name]: 'x' })).toThrow(UsageError);
  });

  it.each(['vhdup_state', 'VHDUP_upload_id', 'vhdup_'])('refuses the name %s, which is ours', (name) => {
    expect(() => checkMetadata({ [name]: 'x' })).toThrow(/ours/);
  });

  it('refuses names that differ in their case alone: HTTP would make one of them', () => {
    expect(() => checkMetadata({ owner: 'one', Owner: 'two' })).toThrow(/upper from lower case/);
  });

  it.each([' x', 'x ', 'ü', 'a\nb', 'a\u0000b', '\t'])('refuses the value %j', (value) => {
    expect(() => checkMetadata({ name: value })).toThrow(UsageError);
  });

  it('takes no value that HTTP would change or refuse', () => {
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
    expect(() => checkMetadata({ name: 'x'.repeat(6141) })).toThrow(/6145 bytes in all/);
  });
});

describe('checkRetryOptions', () => {
  it('takes what a person would give', () => {
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
  ] as const)('refuses a negative %s, and one that is no number', (name) => {
    expect(() => checkRetryOptions({ [name]: -1 })).toThrow(new RegExp(`^${name} `));
    expect(() => checkRetryOptions({ [name]: Number.NaN })).toThrow(UsageError);
  });

  it.each(['attemptTimeoutMs', 'retryDelayMs', 'maxRetryDelayMs', 'stallTimeoutMs'] as const)(
    'refuses a %s that no timer can hold: it would be over at once',
    (name) => {
      expect(() => checkRetryOptions({ [name]: 2 ** 31 - 1 })).not.toThrow();
      expect(() => checkRetryOptions({ [name]: 2 ** 31 })).toThrow(/24 days/);
      expect(() => checkRetryOptions({ [name]: Number.POSITIVE_INFINITY })).toThrow(UsageError);
    },
  );

  it.each(['attemptTimeoutMs', 'stallTimeoutMs'] as const)('refuses a %s of 0: nothing could ever succeed', (name) => {
    expect(() => checkRetryOptions({ [name]: 0 })).toThrow(UsageError);
  });
});

describe('checkVerify', () => {
  it('takes each level, and an older name of one', () => {
    for (const level of [undefined, 'none', 'ranges', 'full'] as const) expect(checkVerify(level)).toBe(level);
    expect(checkVerify('map')).toBe('ranges');
    expect(() => checkVerify('some' as never)).toThrow(/one of none, ranges, full, but is some/);
  });
});
