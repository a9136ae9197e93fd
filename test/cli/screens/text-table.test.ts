import { describe, expect, it } from 'vitest';
import { tableLines } from '../../../src/cli/screens/text-table.ts';

const COLUMNS = [{ title: '#' }, { title: 'size', align: 'right' }, { title: 'name' }] as const;

describe('a table', () => {
  it('has columns as wide as their content, right-aligned numbers, and no trailing blanks', () => {
    expect(
      tableLines(
        COLUMNS,
        [
          ['1', '1 B', 'one'],
          ['12', '1000 B', ''],
        ],
        80,
      ),
    ).toEqual(['#     size  name', '1      1 B  one', '12  1000 B']);
  });

  it('wraps the widest column and loses no text', () => {
    const lines = tableLines(
      COLUMNS,
      [
        ['1', '1 B', 'a name of more than twenty'],
        ['2', '2 B', 'C:\\a\\path\\of\\one\\word'],
      ],
      24,
    );
    expect(lines).toEqual([
      '#  size  name',
      '1   1 B  a name of more',
      '         than twenty',
      '2   2 B  C:\\a\\path\\of\\on',
      '         e\\word',
    ]);
  });

  it('accepts a million rows', () => {
    const rows = Array.from({ length: 1_000_000 }, (_, index) => [String(index)]);
    expect(tableLines([{ title: 'block', align: 'right' }], rows, 80).at(-1)).toBe('999999');
  });

  it('keeps all columns if there are too many', () => {
    expect(tableLines(COLUMNS, [['1', '1 B', 'a long name']], 5)[1]).toBe('1   1 B  a long');
  });
});
