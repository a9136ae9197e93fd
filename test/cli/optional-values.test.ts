import { describe, expect, it } from 'vitest';
import { withOptionalValues } from '../../src/cli/optional-values.ts';

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
