import { describe, expect, it } from 'vitest';
import { durationMs, imageOptions, threadsOf, wholeNumber } from '../../../src/cli/commands/shared-options.ts';
import { rateLimitOf } from '../../../src/cli/rate-option.ts';
import { UsageError } from '../../../src/errors.ts';

describe('wholeNumber', () => {
  it('reads digits', () => {
    expect(wholeNumber('retries', '0')).toBe(0);
    expect(wholeNumber('retries', ' 12 ')).toBe(12);
  });

  it.each(['', ' ', '-1', '1.5', '1e3', '0x10', 'Infinity', '٣'])('refuses "%s", and names the option', (text) => {
    expect(() => wholeNumber('retries', text)).toThrow(UsageError);
    expect(() => wholeNumber('retries', text)).toThrow(`--retries must be a whole number, but is "${text}".`);
  });
});

describe('threadsOf', () => {
  it('reads a number, or auto', () => {
    expect(threadsOf('8')).toBe(8);
    expect(threadsOf('auto')).toBe('auto');
    expect(() => threadsOf('many')).toThrow(UsageError);
  });
});

describe('durationMs and rateLimitOf', () => {
  it('parse valid texts and name the option for others', () => {
    expect(durationMs('timeout', '90s')).toBe(90_000);
    expect(() => durationMs('timeout', 'soon')).toThrow(/^--timeout must be a duration/);
    expect(rateLimitOf('max-rate', '1MiB/s')).toBe(1024 * 1024);
    expect(() => rateLimitOf('max-rate', 'fast')).toThrow(/^--max-rate must be a rate/);
  });
});

describe('imageOptions', () => {
  it('returns the options of the library', () => {
    const args = {
      image: 'disk.img',
      format: 'raw' as const,
      parentPath: ['a', 'b'],
      allowNetworkParents: true,
      trustUnmarkedSectors: false,
    };
    expect(imageOptions(args)).toEqual({
      image: 'disk.img',
      format: 'raw',
      parentPaths: ['a', 'b'],
      allowNetworkParents: true,
      trustUnmarkedSectors: false,
    });
  });
});
