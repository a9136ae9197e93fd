import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wrapText } from '../../../src/cli/screens/wrap-text.ts';

describe('wrapText', () => {
  it('breaks at blanks', () => {
    expect(wrapText('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrapText('', 8)).toEqual([]);
  });

  it('keeps line breaks, as in the list of places searched for a parent', () => {
    expect(wrapText('one two:\n  three four five\n\nsix', 10)).toEqual(['one two:', 'three four', 'five', 'six']);
  });

  it('splits a word that is too long', () => {
    expect(wrapText('a abcdefghij', 4)).toEqual(['a', 'abcd', 'efgh', 'ij']);
  });

  it('keeps every character except blanks, and no line is too long', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 40 }), (text, width) => {
        const lines = wrapText(text, width);
        expect(lines.join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
        expect(lines.every((line) => [...line].length <= width)).toBe(true);
      }),
    );
  });
});
