import { describe, expect, it } from 'vitest';
import { tableLines } from '../../../src/cli/screens/text-table.ts';
import { padToWidth, piecesOf, textWidth } from '../../../src/cli/screens/text-width.ts';
import { wrapText } from '../../../src/cli/screens/wrap-text.ts';

const DISK = '\u78c1\u76d8';
const COMBINED = 'e\u0301';
const FAMILY = '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}';

describe('the width of text', () => {
  it.each([
    ['plain text', 'disk.vhd', 8],
    ['Chinese', DISK, 4],
    ['Japanese with half-width letters', '\uff76\uff9e', 2],
    ['a combining accent', COMBINED, 1],
    ['an emoji', '\u{1f4be}', 2],
    ['a joined emoji', FAMILY, 2],
    ['block characters of a bar', '\u2588\u2591', 2],
    ['nothing', '', 0],
  ])('of %s', (_, text, width) => {
    expect(textWidth(text)).toBe(width);
  });

  it('decides the blanks of a column', () => {
    expect(padToWidth(DISK, 6)).toBe(`${DISK}  `);
    expect(padToWidth(DISK, 6, 'right')).toBe(`  ${DISK}`);
    expect(padToWidth('too long', 3)).toBe('too long');
  });

  it('decides where text is cut, never inside of a character', () => {
    expect(piecesOf(`${DISK}${DISK}`, 5)).toEqual([DISK, DISK]);
    expect(piecesOf(`${COMBINED}${COMBINED}${COMBINED}`, 2)).toEqual([COMBINED + COMBINED, COMBINED]);
    expect(piecesOf(`${FAMILY}${FAMILY}`, 3)).toEqual([FAMILY, FAMILY]);
    // A character that is wider than the column stays whole.
    expect(piecesOf(DISK, 1)).toEqual([...DISK]);
    expect(piecesOf('', 5)).toEqual([]);
  });
});

it('a table of Chinese names has straight columns', () => {
  const lines = tableLines(
    [{ title: 'name' }, { title: 'size', align: 'right' }],
    [
      [`${DISK}A`, '1'],
      ['data', '22'],
    ],
    80,
  );
  expect(lines).toEqual(['name   size', `${DISK}A     1`, 'data     22']);
  expect(new Set(lines.map(textWidth))).toEqual(new Set([11]));
});

it('text without blanks wraps at the width of its characters', () => {
  const lines = wrapText(DISK.repeat(10), 12);
  expect(lines.map(textWidth)).toEqual([12, 12, 12, 4]);
  expect(lines.join('')).toBe(DISK.repeat(10));
  expect(wrapText(`${DISK} ${DISK} ${DISK}`, 9)).toEqual([`${DISK} ${DISK}`, DISK]);
});
