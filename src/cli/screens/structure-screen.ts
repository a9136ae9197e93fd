// The human-readable form of image structures: fields in lines, tables in columns.
import { printable } from '../../base/printable.ts';
import type { StructuresReport } from '../../inspect/inspect-structures.ts';
import type { Structure, StructureField, StructureRow } from '../../inspect/structure.ts';
import { painter } from './paint.ts';
import type { Screen } from './screen.ts';
import { tableLines } from './text-table.ts';
import { padToWidth, textWidth } from './text-width.ts';
import { wrapText } from './wrap-text.ts';

export function showStructures({ structures }: StructuresReport, screen: Screen): string {
  return structures.map((structure) => showStructure(structure, screen).join('\n')).join('\n\n');
}

function showStructure(structure: Structure, { width, colours }: Screen): string[] {
  const { name, offset, length, problems, fields, rows = [], rowsLeftOut } = structure;
  const paint = painter(colours);
  const dim = (text: string) => paint('dim', text);
  const mark = colours ? paint(['black', 'bgYellow'], ' wrong ') : 'WRONG';
  const lines = [paint('bold', `${name}: ${length} bytes at ${offset}`)];
  for (const problem of problems) {
    const [first = '', ...rest] = wrapText(problem, width - 10);
    lines.push(`  ${mark} ${first}`, ...rest.map((line) => `          ${line}`));
  }
  const column = Math.max(0, ...fields.map((field) => textWidth(field.name)));
  for (const field of fields) {
    const [first = '', ...rest] = wrapText(valueText(field), width - column - 4);
    lines.push(
      `  ${dim(padToWidth(field.name, column))}  ${first}`,
      ...rest.map((line) => ' '.repeat(column + 4) + line),
    );
  }
  if (rows.length > 0) {
    const [titles = '', ...texts] = rowLines(rows, width - 2);
    lines.push('', `  ${dim(titles)}`);
    for (const text of texts) lines.push(`  ${text}`);
  }
  if (rowsLeftOut !== undefined) lines.push(`  and ${rowsLeftOut} more; --all lists them, --block N shows one block`);
  return lines;
}

function valueText({ value, meaning }: StructureField): string {
  const text = typeof value === 'number' ? String(value) : value === '' ? '(empty)' : printable(value);
  return meaning === undefined ? text : `${text} (${printable(meaning)})`;
}

function rowLines(rows: readonly StructureRow[], width: number): string[] {
  const names = [...new Set(rows.slice(0, 1000).flatMap((row) => Object.keys(row)))].filter((name) =>
    rows.some((row) => row[name] !== undefined),
  );
  const columns = names.map((name) => ({
    title: wordsOf(name),
    ...(rows.some((row) => typeof row[name] === 'string') ? {} : { align: 'right' as const }),
  }));
  const cells = rows.map((row) => names.map((name) => (row[name] === undefined ? '' : printable(String(row[name])))));
  return tableLines(columns, cells, width);
}

/** "firstBlock" → "first block". */
function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
