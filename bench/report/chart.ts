// Draws results.svg: bars that are readable on light and dark pages.
import type { Run } from '../comparison.ts';
import type { ScenarioResult } from './results.ts';

const MIB = 1024 ** 2;

interface Panel {
  readonly title: string;
  readonly scenario: string;
  readonly comparison: string;
  readonly value: (run: Run) => number;
  readonly digits: number;
}

const PANELS: readonly Panel[] = [
  {
    title: '8 GiB of random data: MiB/s (more is better)',
    scenario: 'random',
    comparison: 'Plain HTTP',
    value: ({ bytesPerSecond }) => bytesPerSecond / MIB,
    digits: 0,
  },
  {
    title: '8 GiB of random data: CPU seconds per GiB (less is better)',
    scenario: 'random',
    comparison: 'Plain HTTP',
    value: ({ cpuSecondsPerGib }) => cpuSecondsPerGib,
    digits: 2,
  },
  {
    title: '8 GiB of random data: peak memory in MiB (less is better)',
    scenario: 'random',
    comparison: 'Plain HTTP',
    value: ({ peakMemory }) => peakMemory / MIB,
    digits: 0,
  },
  {
    title: 'Linux disk of 30 GiB: seconds (less is better)',
    scenario: 'linux',
    comparison: 'Plain HTTP',
    value: ({ wallMs }) => wallMs / 1000,
    digits: 1,
  },
  {
    title: 'Nearly empty disks with 1 GiB of data: seconds (less is better)',
    scenario: 'sparse',
    comparison: 'Plain HTTP',
    value: ({ wallMs }) => wallMs / 1000,
    digits: 1,
  },
];

const WIDTH = 760;
const LABELS = 230;
const NUMBERS = 70;
const BAR = 16;
const ROW = 24;
const TITLE = 44;

const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; }
.ours { fill: #0969da; }
.theirs { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .ours { fill: #4493f8; }
  .theirs { fill: #656c76; }
}`;

const NAME = 'Throughput, CPU time, memory and wall time of vhdup and AzCopy';

/** Omits panels whose scenario was not run or had no successful run. */
export function chart(results: readonly ScenarioResult[]): string {
  let y = 0;
  const parts: string[] = [];
  for (const panel of PANELS) {
    const bars = barsOf(panel, results);
    if (bars.length === 0) continue;
    parts.push(`<text class="title" x="0" y="${y + TITLE - 16}">${escaped(panel.title)}</text>`);
    y += TITLE;
    const longest = Math.max(...bars.map(({ value }) => value));
    for (const { name, value } of bars) {
      const width = Math.max(1, Math.round((value / longest) * (WIDTH - LABELS - NUMBERS)));
      const kind = name.includes('AzCopy') ? 'theirs' : 'ours';
      parts.push(
        `<text x="${LABELS - 8}" y="${y + BAR - 3}" text-anchor="end">${escaped(name)}</text>`,
        `<rect class="${kind}" x="${LABELS}" y="${y}" width="${width}" height="${BAR}" rx="2"/>`,
        `<text x="${LABELS + width + 6}" y="${y + BAR - 3}">${value.toFixed(panel.digits)}</text>`,
      );
      y += ROW;
    }
  }
  const size = `width="${WIDTH}" height="${y + 8}" viewBox="0 0 ${WIDTH} ${y + 8}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">\n<title>${NAME}</title>\n<style>${STYLE}\n</style>\n${parts.join('\n')}\n</svg>\n`;
}

function barsOf(panel: Panel, results: readonly ScenarioResult[]): { name: string; value: number }[] {
  const comparisons = results.find(({ name }) => name === panel.scenario)?.comparisons ?? [];
  const entries = comparisons.find(({ title }) => title === panel.comparison)?.entries ?? [];
  return entries.flatMap(({ name, median }) => (median === undefined ? [] : [{ name, value: panel.value(median) }]));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
