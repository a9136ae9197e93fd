import { describe, expect, it } from 'vitest';
import { posixWord, powershellWord, shellWord } from '../../src/base/shell-word.ts';

describe('shellWord', () => {
  it.each([
    ['rg-migration', 'rg-migration'],
    ['/subscriptions/1/resourceGroups/rg', '/subscriptions/1/resourceGroups/rg'],
    ['my(group)', '"my(group)"'],
    ['Mein Büro', '"Mein Büro"'],
    ['', '""'],
    ['a$(reboot) b', "'a$(reboot) b'"],
  ])('%s → %s', (text, word) => {
    expect(shellWord(text, 'linux')).toBe(word);
  });

  it('is that of PowerShell on Windows', () => {
    for (const text of ['C:\\disks\\a.vhd', 'C:\\my disks', 'a$(calc)', 'a,b'])
      expect(shellWord(text, 'win32')).toBe(powershellWord(text));
  });
});

describe('posixWord', () => {
  it.each([
    ['/home/me/.ssh/id_rsa', '/home/me/.ssh/id_rsa'],
    ['/etc/two words', "'/etc/two words'"],
    ['$(reboot)', "'$(reboot)'"],
    [`a'; reboot; '`, `'a'\\''; reboot; '\\'''`],
    ['', `''`],
  ])('%s → %s', (text, word) => {
    expect(posixWord(text)).toBe(word);
  });
});
