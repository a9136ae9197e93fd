// Draws the map of the disk: a grid of cells, its legend, and a table that says the same.
import { endOf } from '../../base/byte-range.ts';
import { formatBytes } from '../../base/units.ts';
import type { DifferenceSummary } from '../../verify/differences.ts';
import type { MapFacts, Work } from '../facts.ts';
import { type Html, html, raw } from './html.ts';
import { table } from './parts.ts';
import { bytesExactly, grouped, percent } from './words.ts';

const COLUMNS = 40;
const STEP = 12;
const CELL = 10;

/** Each kind of a cell has a class of the style sheet. */
const KINDS = ['much', 'some', 'little', 'kept', 'zero', 'before', 'none'] as const;
type Kind = (typeof KINDS)[number];

const MOVED: Readonly<Record<Work, string>> = { upload: 'sent', download: 'received', verify: 'data' };

const NOTHING: Readonly<Record<Work, string>> = {
  upload: 'not read: not allocated, or free',
  download: 'not listed by the service, so zero',
  verify: 'nothing in the image',
};

export function drawMap(map: MapFacts, work: Work, differences: DifferenceSummary | undefined): Html {
  const kinds = map.moved.map((_, cell) => kindOf(map, cell));
  const shown = KINDS.filter((kind) => kinds.includes(kind));
  const legend = shown.map(
    (kind) =>
      html`<li>${raw(`<svg viewBox="0 0 10 10" aria-hidden="true"><path class="m-${kind}" d="${cellPath(0, 0)}"/></svg>`)}${labelOf(kind, map, work)}</li>\n`,
  );
  const isMarked = differences !== undefined && differences.first.length > 0;
  const mark = isMarked
    ? html`<li><svg viewBox="0 0 10 10" aria-hidden="true"><path class="m-wrong" d="${outlinePath(0, 0)}"/></svg>different</li>\n`
    : undefined;
  return html`<figure>
${drawing(map, kinds, work, differences)}
<div class="ends" aria-hidden="true"><span>0</span><span>${formatBytes(map.size)}</span></div>
<ul class="legend">
${legend}${mark}</ul>
<figcaption>One square is ${formatBytes(map.cellSize)} of the disk, from left to right and from top to bottom.</figcaption>
</figure>
${rowsTable(map, work)}`;
}

function drawing(map: MapFacts, kinds: readonly Kind[], work: Work, differences: DifferenceSummary | undefined): Html {
  const rows = Math.ceil(kinds.length / COLUMNS);
  const paths = KINDS.flatMap((kind) => {
    const cells = kinds.flatMap((one, cell) =>
      one === kind ? [cellPath(cell % COLUMNS, Math.floor(cell / COLUMNS))] : [],
    );
    return cells.length === 0 ? [] : [`<path class="m-${kind}" d="${cells.join('')}"/>`];
  });
  const wrong = new Set(
    (differences?.first ?? []).flatMap((range) => {
      const first = Math.floor(range.offset / map.cellSize);
      const last = Math.floor((Math.max(endOf(range), range.offset + 1) - 1) / map.cellSize);
      return Array.from({ length: Math.min(last - first + 1, kinds.length) }, (_, index) => first + index);
    }),
  );
  const marks = [...wrong]
    .filter((cell) => cell < kinds.length)
    .map((cell) => outlinePath(cell % COLUMNS, Math.floor(cell / COLUMNS)));
  if (marks.length > 0) paths.push(`<path class="m-wrong" d="${marks.join('')}"/>`);
  const total = totals(map, 0, kinds.length);
  return html`<svg class="map" viewBox="0 0 ${COLUMNS * STEP - 2} ${rows * STEP - 2}" role="img" aria-labelledby="map-title map-text">
<title id="map-title">Map of the disk</title>
<desc id="map-text">${describeTotals(total, map, work)} The table below has the same numbers by row.</desc>
${raw(paths.join('\n'))}
</svg>`;
}

function cellPath(column: number, row: number): string {
  return `M${column * STEP} ${row * STEP}h${CELL}v${CELL}h-${CELL}z`;
}

/** Inside of the cell, so that the stroke is not cut at the edge of the drawing. */
function outlinePath(column: number, row: number): string {
  return `M${column * STEP + 1} ${row * STEP + 1}h${CELL - 2}v${CELL - 2}h-${CELL - 2}z`;
}

function kindOf(map: MapFacts, cell: number): Kind {
  const share = (map.moved[cell] ?? 0) / capacityOf(map, cell);
  if (share > 0) return share > 2 / 3 ? 'much' : share > 1 / 3 ? 'some' : 'little';
  if ((map.kept[cell] ?? 0) > 0) return 'kept';
  if ((map.read?.[cell] ?? 0) > 0) return 'zero';
  return (map.before[cell] ?? 0) > 0 ? 'before' : 'none';
}

function capacityOf({ size, cellSize }: MapFacts, cell: number): number {
  return Math.min(cellSize, size - cell * cellSize);
}

function labelOf(kind: Kind, map: MapFacts, work: Work): string {
  const moved = MOVED[work];
  switch (kind) {
    case 'much':
      return `${moved}, more than two thirds`;
    case 'some':
      return `${moved}, up to two thirds`;
    case 'little':
      return `${moved}, up to a third`;
    case 'kept':
      return 'copied from the base';
    case 'zero':
      return work === 'download' ? 'listed, and zero' : 'read, and zero';
    case 'before':
      return 'finished by an earlier run';
    case 'none':
      return map.read === undefined ? `nothing ${work === 'verify' ? 'compared' : moved}` : NOTHING[work];
  }
}

interface RowTotals {
  readonly size: number;
  readonly moved: number;
  readonly kept: number;
  readonly zero: number | undefined;
  /** Finished by earlier runs of which nothing else is known. */
  readonly before: number;
}

/** Of the cells from `first` on. A run of data can contain gaps that the image does not allocate, so what was moved counts first. */
function totals(map: MapFacts, first: number, count: number): RowTotals {
  let [size, moved, kept, zero, before] = [0, 0, 0, 0, 0];
  for (let cell = first; cell < Math.min(first + count, map.moved.length); cell++) {
    const capacity = capacityOf(map, cell);
    const ofCell = Math.min(map.moved[cell] ?? 0, capacity);
    const keptHere = Math.min(map.kept[cell] ?? 0, capacity - ofCell);
    const zeroHere = Math.max(0, Math.min(map.read?.[cell] ?? 0, capacity) - ofCell - keptHere);
    size += capacity;
    moved += ofCell;
    kept += keptHere;
    zero += zeroHere;
    before += Math.min(map.before[cell] ?? 0, capacity - ofCell - keptHere - zeroHere);
  }
  return { size, moved, kept, zero: map.read === undefined ? undefined : zero, before };
}

function describeTotals({ size, moved, zero }: RowTotals, { moved: cells }: MapFacts, work: Work): string {
  const zeros = zero === undefined ? '' : `, ${bytesExactly(zero)} read and zero`;
  return `${cells.length} cells for ${bytesExactly(size)}: ${bytesExactly(moved)} ${MOVED[work]}${zeros}.`;
}

function rowsTable(map: MapFacts, work: Work): Html {
  const hasKept = map.kept.some((bytes) => bytes > 0);
  const hasBefore = totals(map, 0, map.moved.length).before > 0;
  const columns = [
    { name: 'From', isNumber: true },
    { name: 'To', isNumber: true },
    { name: work === 'verify' ? 'Bytes of data' : `Bytes ${MOVED[work]}`, isNumber: true },
    { name: 'Share', isNumber: true },
    ...(hasKept ? [{ name: 'Bytes copied', isNumber: true }] : []),
    ...(map.read === undefined ? [] : [{ name: 'Bytes read and zero', isNumber: true }]),
    ...(hasBefore ? [{ name: 'Finished before', isNumber: true }] : []),
  ];
  const rows = Array.from({ length: Math.ceil(map.moved.length / COLUMNS) }, (_, row) => {
    const { size, moved, kept, zero, before } = totals(map, row * COLUMNS, COLUMNS);
    const from = row * COLUMNS * map.cellSize;
    return [
      formatBytes(from),
      formatBytes(from + size),
      grouped(moved),
      percent(moved, size),
      ...(hasKept ? [grouped(kept)] : []),
      ...(zero === undefined ? [] : [grouped(zero)]),
      ...(hasBefore ? [grouped(before)] : []),
    ];
  });
  return table('The map as numbers, one line for each row of squares', columns, rows);
}
