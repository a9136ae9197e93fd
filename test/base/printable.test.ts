import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeUnsafe, printable, printableText } from '../../src/base/printable.ts';

/** Any text, with many control and hidden characters. */
const ANY_TEXT = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom('\u001b[2J', '\u009b31m', '\u202e', '\u200b', '\u2066', '\ufeff', '\ud800', '\udc00', '\u2028'),
      fc.constantFrom(
        '\u001b]0;title\u0007',
        '\u001b]8;;http://a\u001b\\',
        '\u0008',
        '\u007f',
        '\u{e0041}',
        '\u3164',
        '\n',
      ),
      fc.constantFrom('ü', 'ディスク', '\u{1f4be}', '\\u{', 'x'.repeat(1020)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

describe('printable', () => {
  it.each([
    ['/home/größe/ディスク {1}.vhd', '/home/größe/ディスク {1}.vhd'],
    ['a\x1b[2Jb', 'a\\u{1b}[2Jb'],
    ['a\nb\r\0', 'a\\u{a}b\\u{d}\\u{0}'],
    ['a\u009b31m\u007f', 'a\\u{9b}31m\\u{7f}'],
    ['gpj\u202edhv.exe', 'gpj\\u{202e}dhv.exe'],
    ['a\u200bb\u2028', 'a\\u{200b}b\\u{2028}'],
    ['a\u3164b\u{e0041}', 'a\\u{3164}b\\u{e0041}'],
    ['a\ud800b', 'a\\u{d800}b'],
    ['\u{1f4be}', '\u{1f4be}'],
  ])('%j', (text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  it('cuts long texts, but never inside a character or an escape', () => {
    expect(printable('x'.repeat(70_000))).toHaveLength(1027);
    expect(printable(`${'x'.repeat(1023)}\u{1f4be}`)).toBe(`${'x'.repeat(1023)}...`);
    expect(printable(`${'x'.repeat(1020)}\u001b[2J`)).toBe(`${'x'.repeat(1020)}...`);
  });

  it('removes everything that controls a terminal or is hidden, and is idempotent', () => {
    fc.assert(
      fc.property(ANY_TEXT, (text) => {
        const shown = printable(text);
        expect(shown).not.toMatch(UNSAFE);
        expect(shown.length).toBeLessThanOrEqual(1027);
        if (!shown.endsWith('...')) expect(printable(shown)).toBe(shown);
      }),
    );
  });
});

describe('printableText', () => {
  it('keeps line feeds and escapes other unsafe characters', () => {
    expect(printableText('one\ntwo\r\n\tthree\u001b[31m')).toBe('one\ntwo\\u{d}\n\\u{9}three\\u{1b}[31m');
    fc.assert(
      fc.property(ANY_TEXT, (text) => {
        const lines = printableText(text).split('\n');
        expect(lines).toHaveLength(text.split('\n').length);
        for (const line of lines) expect(line).not.toMatch(UNSAFE);
      }),
    );
  });

  it('cuts very long lines and very many lines', () => {
    expect(printableText('line\n'.repeat(100_000)).split('\n')).toHaveLength(201);
    const [first, second] = printableText(`${'x'.repeat(1_000_000)}\nend`).split('\n');
    expect(first?.length).toBe(8 * 1024 + 3);
    expect(second).toBe('end');
  });
});

describe('escapeUnsafe', () => {
  it('keeps only whole sequences of the given kind', () => {
    const keep = new RegExp(['\\u001b\\[1m', '\\n'].join('|'), 'u');
    expect(escapeUnsafe('\u001b[1mbold\n\u001b[8m\u001b[1', keep)).toBe('\u001b[1mbold\n\\u{1b}[8m\\u{1b}[1');
  });
});
