import { describe, expect, it } from 'vitest';
import { printable } from '../../src/base/printable.ts';

describe('printable', () => {
  it.each([
    ['/home/größe/ディスク {1}.vhd', '/home/größe/ディスク {1}.vhd'],
    ['a\x1b[2Jb', 'a\\u{1b}[2Jb'],
    ['a\nb\r\0', 'a\\u{a}b\\u{d}\\u{0}'],
    ['gpj\u202edhv.exe', 'gpj\\u{202e}dhv.exe'],
    ['a\u200bb\u2028', 'a\\u{200b}b\\u{2028}'],
    ['a\ud800b', 'a\\u{d800}b'],
    ['\u{1f4be}', '\u{1f4be}'],
  ])('%j', (text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  it('cuts what would fill a screen', () => {
    expect(printable('x'.repeat(70_000))).toHaveLength(1027);
  });
});
