import { describe, expect, it } from 'vitest';
import { withOptionalValues, withoutEndOfOptions } from '../../src/cli/optional-values.ts';

describe('withOptionalValues', () => {
  it('gives --skip-free its value, so that it does not take the next word', () => {
    expect(withOptionalValues(['upload', '--skip-free', 'disk.vhdx', 'vhds/disk.vhd'])).toEqual([
      'upload',
      '--skip-free=all',
      'disk.vhdx',
      'vhds/disk.vhd',
    ]);
  });

  it('keeps a value that was given, and what follows --', () => {
    const words = ['convert', '--skip-free=free', '--', '--skip-free', 'out.vhd'];
    expect(withOptionalValues(words)).toEqual(words);
  });
});

describe('withoutEndOfOptions', () => {
  it('makes arguments of what follows --', () => {
    const words = ['inspect', '--json', '--', '-disk.vhd', '--', 'x.vhd'];
    expect(withoutEndOfOptions(words)).toEqual(['inspect', '--json', './-disk.vhd', './--', 'x.vhd']);
    expect(withoutEndOfOptions(['inspect', '--json'])).toEqual(['inspect', '--json']);
  });
});
