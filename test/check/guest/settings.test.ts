import { describe, expect, it } from 'vitest';
import { settingsIn, wrongSettings } from '../../../src/check/guest/settings.ts';
import { isVersionAtLeast, numbersOf } from '../../../src/check/guest/version-numbers.ts';

describe('settingsIn', () => {
  it('reads values with and without quotes and comments; the last one wins', () => {
    const text = '# c\nA=1\nB="two words" # x\nC=\'3\'\nSize=2048    ## NOTE\nA=4\n E = 5\nnothing\n=6\n';
    expect([...settingsIn(text)]).toEqual([
      ['A', '4'],
      ['B', 'two words'],
      ['C', '3'],
      ['Size', '2048'],
      ['E', '5'],
    ]);
  });
});

describe('wrongSettings', () => {
  it('names what differs and what is missing, without regard to case', () => {
    const settings = settingsIn('A=YES\nB=no\n');
    expect(wrongSettings(settings, { A: 'yes', B: 'yes', C: 'x', D: 'y' }, ['D'])).toEqual([
      { found: 'B=no, not yes', needed: 'B=yes' },
      { found: 'no C=x', needed: 'C=x' },
    ]);
  });
});

describe('version numbers', () => {
  it.each([
    ['2.6.32-754.15.3.el6.x86_64', [2, 6, 32, 754, 15, 3]],
    ['4.15.0-1049-azure', [4, 15, 0, 1049]],
    ['4.9.168-1+deb9u3', [4, 9, 168, 1]],
    ['6.4.0-150600.21-default', [6, 4, 0, 150600, 21]],
    ['x', []],
  ])('are those at the beginning: %s', (version, numbers) => {
    expect(numbersOf(version)).toEqual(numbers);
  });

  it.each([
    ['2.2.41', '2.2.41', true],
    ['2.2.5', '2.2.41', false],
    ['2.10', '2.9.1', true],
    ['23', '23.0', true],
    ['22.4.2', '23', false],
    ['2.6.32-431.el6', '2.6.32-504', false],
  ])('%s is at least %s: %s', (version, wanted, isAtLeast) => {
    expect(isVersionAtLeast(version, wanted)).toBe(isAtLeast);
  });
});
