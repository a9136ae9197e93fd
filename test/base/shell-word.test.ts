import { describe, expect, it } from 'vitest';
import { shellWord } from '../../src/base/shell-word.ts';

describe('shellWord', () => {
  it.each([
    ['rg-migration', 'rg-migration'],
    ['/subscriptions/1/resourceGroups/rg', '/subscriptions/1/resourceGroups/rg'],
    ['my(group)', '"my(group)"'],
    ['Mein Büro', '"Mein Büro"'],
    ['', '""'],
  ])('%s → %s', (text, word) => {
    expect(shellWord(text)).toBe(word);
  });
});
