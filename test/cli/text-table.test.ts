import { describe, expect, it } from 'vitest';
import { tableLines } from '../../src/cli/text-table.ts';

const COLUMNS = [{ title: '#' }, { title: 'size', align: 'right' }, { title: 'name' }] as const;

describe('a table', () => {
  it('has columns as wide as what is in them, numbers to the right, and no blanks at the ends', () => {
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

  it('cuts the widest column where it does not fit', () => {
    const lines = tableLines(COLUMNS, [['1', '1 B', 'a name of more than twenty characters']], 24);
    expect(lines).toEqual(['#  size  name', '1   1 B  a name of mor..']);
  });

  it('keeps columns that are too many', () => {
    expect(tableLines(COLUMNS, [['1', '1 B', 'a long name']], 5)[1]).toBe('1   1 B  a lo..');
  });
});
