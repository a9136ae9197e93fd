// Tables that fit the terminal. The widest columns shrink first.
import { padToWidth, textWidth } from './text-width.ts';
import { wrapText } from './wrap-text.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'right';
}

const GAP = '  ';
/** Narrower columns are not readable. */
const MIN_COLUMN = 6;

/** @returns the titles, and for each row as many lines as its longest cell needs. No line exceeds `width` unless there are too many columns. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): string[] {
  const widths = widthsOf(columns, rows);
  const room = width - GAP.length * (columns.length - 1);
  while (widths.reduce((sum, one) => sum + one, 0) > room) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= MIN_COLUMN) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return [columns.map(({ title }) => title), ...rows].flatMap((row) => rowLines(columns, row, widths));
}

/** The widths of the widest cells. A table may have a million rows, more than `Math.max` accepts as arguments. */
function widthsOf(columns: readonly Column[], rows: readonly (readonly string[])[]): number[] {
  return columns.map(({ title }, index) =>
    rows.reduce((widest, row) => Math.max(widest, textWidth(row[index] ?? '')), title.length),
  );
}

function rowLines(columns: readonly Column[], row: readonly string[], widths: readonly number[]): string[] {
  const cells = columns.map((_, index) => linesOf(row[index] ?? '', widths[index] ?? 0));
  const height = cells.reduce((most, lines) => Math.max(most, lines.length), 1);
  return Array.from({ length: height }, (_, line) =>
    columns
      .map(({ align }, index) => padToWidth(cells[index]?.[line] ?? '', widths[index] ?? 0, align))
      .join(GAP)
      .trimEnd(),
  );
}

function linesOf(text: string, width: number): string[] {
  return textWidth(text) <= width ? [text] : wrapText(text, width);
}
