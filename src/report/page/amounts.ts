// What became of each byte of the disk: a bar, and the same as a table.
import { PAGE_SIZE } from '../../base/byte-range.ts';
import { combinedMap } from '../combined-map.ts';
import type { ReportFacts } from '../facts.ts';
import { type Fields, fieldsOf, numberIn } from '../fields.ts';
import { freeSpaceTable } from './free-space.ts';
import { type Html, html, raw } from './html.ts';
import { drawMap } from './map-drawing.ts';
import { paragraph, section, table } from './parts.ts';
import { resultOf, startOf } from './subject.ts';
import { summaryOf } from './verdict.ts';
import { bytes, percent } from './words.ts';

interface Amount {
  /** A class of the style sheet. */
  readonly kind: 'much' | 'kept' | 'zero' | 'free' | 'none';
  readonly name: string;
  readonly bytes: number;
}

export function diskSection(report: ReportFacts): Html {
  const amounts = amountsOf(report);
  const map = combinedMap(report);
  const verification = resultOf({ runs: report.runs, work: 'verify' });
  const differences = verification === undefined ? undefined : summaryOf(fieldsOf(verification['differences']));
  const freeSpace = report.runs.findLast((run) => run.freeSpace !== undefined)?.freeSpace;
  return section(
    'disk',
    'The disk',
    amounts !== undefined ? [bar(amounts), amountsTable(amounts)] : undefined,
    amounts === undefined && report.work === 'upload'
      ? paragraph('How much was sent and skipped is not recorded.')
      : undefined,
    freeSpace === undefined ? undefined : freeSpaceTable(freeSpace),
    html`<h3>Map</h3>`,
    map === undefined
      ? paragraph('Which parts of the disk were moved is not recorded.')
      : drawMap(map, report.work, differences),
  );
}

interface Amounts {
  readonly size: number;
  /** They cover the disk. The first one is what was sent. */
  readonly parts: readonly Amount[];
  /** Otherwise some of it is still to be sent. */
  readonly isDone: boolean;
}

/** Undefined if it is not recorded, and for other work than uploads. */
export function amountsOf(report: ReportFacts): Amounts | undefined {
  const size = numberIn(startOf(report)?.start ?? {}, 'diskSize') ?? report.manifest?.header.diskSize;
  if (size === undefined || size === 0 || report.work !== 'upload') return undefined;
  const run = report.runs.findLast(
    ({ work, totals }) => work === 'upload' && numberIn(totals, 'unallocated') !== undefined,
  );
  const totals = run?.totals;
  return totals === undefined
    ? amountsOfManifest(report, size)
    : amountsOfRun(totals, run?.outcome?.is === 'result', size);
}

function amountsOfRun(totals: Fields, isDone: boolean, size: number): Amounts {
  const footer = isDone ? PAGE_SIZE : 0;
  const sent = Math.max(0, (numberIn(totals, 'sent') ?? 0) + (numberIn(totals, 'sentBefore') ?? 0) - footer);
  const copied = numberIn(totals, 'copied');
  const free = numberIn(fieldsOf(totals['freeSpace']), 'leftOut');
  const unallocated = Math.max(0, (numberIn(totals, 'unallocated') ?? 0) - (free ?? 0));
  const rest = Math.max(0, size - sent - (copied ?? 0) - unallocated - (free ?? 0));
  return {
    size,
    isDone,
    parts: [
      { kind: 'much', name: 'Sent', bytes: sent },
      ...(copied === undefined
        ? []
        : [{ kind: 'kept', name: 'Skipped: equal to the base, which was copied in Azure', bytes: copied } as const]),
      { kind: 'zero', name: isDone ? 'Skipped: read, and zero' : 'Read and zero, or not finished', bytes: rest },
      ...(free === undefined
        ? []
        : [{ kind: 'free', name: 'Skipped: free space of the guest (--skip-free)', bytes: free } as const]),
      { kind: 'none', name: 'Skipped: not allocated in the image', bytes: unallocated },
    ],
  };
}

function amountsOfManifest({ manifest }: ReportFacts, size: number): Amounts | undefined {
  if (manifest === undefined) return undefined;
  const { sent, windowBytes, header } = manifest;
  const free = header.skipFree === undefined ? '' : ', or free space of the guest';
  return {
    size,
    isDone: manifest.end !== undefined,
    parts: [
      { kind: 'much', name: 'Recorded with a checksum', bytes: sent },
      { kind: 'zero', name: 'Skipped: zero, in windows that were read', bytes: Math.max(0, windowBytes - sent) },
      {
        kind: 'none',
        name: `Skipped: in windows without data (not allocated${free})`,
        bytes: Math.max(0, size - windowBytes),
      },
    ],
  };
}

const WIDTH = 1000;

/** Parts that exist are never narrower, so that they can be seen. */
const NARROWEST = 4;

function bar({ size, parts }: Amounts): Html {
  const widths = parts.map(({ bytes: length }) => (length === 0 ? 0 : Math.max(NARROWEST, (length / size) * WIDTH)));
  const scale = WIDTH / widths.reduce((sum, width) => sum + width, 0);
  let x = 0;
  const rects = parts.map(({ kind }, index) => {
    const width = (widths[index] ?? 0) * scale;
    const rect = `<rect class="m-${kind}" x="${x.toFixed(1)}" y="0" width="${width.toFixed(1)}" height="20"/>`;
    x += width;
    return width === 0 ? '' : rect;
  });
  const text = parts.map(({ name, bytes: length }) => `${name}: ${percent(length, size)}`).join('. ');
  return html`<svg class="bar" viewBox="0 0 ${WIDTH} 20" preserveAspectRatio="none" role="img" aria-labelledby="bar-title bar-text">
<title id="bar-title">Shares of the disk</title>
<desc id="bar-text">${text}.</desc>
${raw(rects.join(''))}
</svg>`;
}

function amountsTable({ size, parts }: Amounts): Html {
  const key = (kind: string) =>
    raw(
      `<svg class="key" viewBox="0 0 10 10" aria-hidden="true"><rect class="m-${kind}" width="10" height="10"/></svg>`,
    );
  return table(
    'What became of each byte of the disk',
    [{ name: 'Part' }, { name: 'Size', isNumber: true }, { name: 'Share', isNumber: true }],
    [
      ...parts.map(({ kind, name, bytes: length }) => [
        html`${key(kind)}${name}`,
        bytes(length),
        percent(length, size),
      ]),
      ['The disk', bytes(size), '100 %'],
    ],
  );
}
