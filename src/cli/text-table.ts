// Lines of columns that fit a terminal: the widest columns give way.

export interface Column {
  readonly title: string;
  readonly align?: 'right';
}

const GAP = '  ';
/** A column that is cut further says nothing any more. */
const MIN_COLUMN = 6;

/** @returns the titles and one line for each row, none longer than `width` unless there are too many columns. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): string[] {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => [...(row[index] ?? '')].length)),
  );
  const room = width - GAP.length * (columns.length - 1);
  while (widths.reduce((sum, one) => sum + one, 0) > room) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= MIN_COLUMN) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  const line = (texts: readonly string[]) =>
    columns
      .map(({ align }, index) => fitted(texts[index] ?? '', widths[index] ?? 0, align))
      .join(GAP)
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}

function fitted(text: string, width: number, align: Column['align']): string {
  const characters = [...text];
  const cut = characters.length > width ? `${characters.slice(0, width - 2).join('')}..` : text;
  const padding = ' '.repeat(width - [...cut].length);
  return align === 'right' ? padding + cut : cut + padding;
}
