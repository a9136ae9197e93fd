// Writes RESULTS.md: first the goals, then all measurements.
import { describeBound, type Figure, type Goal, isMet } from '../bench.ts';
import type { ComparisonResult, Entry, Run } from '../comparison.ts';
import type { ScenarioResult } from './results.ts';

const MIB = 1024 ** 2;

/** Columns of a comparison. Values are converted to the unit in the header. */
const COLUMNS: readonly (readonly [header: string, value: (run: Run) => string])[] = [
  ['wall s', ({ wallMs }) => (wallMs / 1000).toFixed(2)],
  ['MiB/s', ({ bytesPerSecond }) => whole(bytesPerSecond / MIB)],
  ['CPU s', ({ cpuSeconds }) => cpuSeconds.toFixed(2)],
  ['CPU s/GiB', ({ cpuSecondsPerGib }) => cpuSecondsPerGib.toFixed(2)],
  ['peak MiB', ({ peakMemory }) => whole(peakMemory / MIB)],
  ['requests', ({ requests }) => whole(requests)],
  ['5xx', ({ refused }) => whole(refused)],
  ['sent MiB', ({ bytesOnWire }) => whole(bytesOnWire / MIB)],
  ['first PUT s', ({ firstPutMs }) => (firstPutMs / 1000).toFixed(2)],
  ['server CPU s', ({ serverCpuSeconds }) => serverCpuSeconds.toFixed(2)],
];

export function markdown(results: readonly ScenarioResult[]): string {
  const lines = [
    '# Benchmark results',
    '',
    '`npm run bench` writes this page. It shows medians; [results.json](results.json) has every single run. Tool and server run on',
    'one machine, over loopback, and the server discards the data. "Server CPU" near the wall time means that the server was the limit.',
    'AzCopy checks only every two seconds whether it is done. "MiB/s" and "CPU s/GiB" refer to the bytes that have to arrive, "sent" to the bodies of all requests.',
    '',
    '![Throughput, CPU time, memory and wall time](results.svg)',
    '',
    '## Goals',
    '',
    ...goalsTable(results),
    ...results.flatMap(scenarioSection),
  ];
  return `${lines.join('\n').replace(/\n{3,}/g, '\n\n')}\n`;
}

function goalsTable(results: readonly ScenarioResult[]): string[] {
  const rows = results.flatMap(({ name, goals }) => goals.map((goal) => [name, ...goalCells(goal)]));
  return table(['scenario', 'what', 'goal', 'measured', ''], rows, 3);
}

function goalCells(goal: Goal): string[] {
  const verdict = goal.value === undefined ? 'not measured' : isMet(goal) ? 'met' : '**not met**';
  return [goal.text, describeBound(goal.bound), goal.value === undefined ? '' : rounded(goal.value), verdict];
}

function scenarioSection(result: ScenarioResult): string[] {
  const { name, title, date, machine, scale, repeat } = result;
  const versions = Object.entries(machine.versions).map(
    ([tool, version]) => `${tool} ${version.replace(`${tool} `, '')}`,
  );
  return [
    '',
    `## ${name}: ${title}`,
    '',
    `${date.slice(0, 16).replace('T', ' ')} UTC; ${machine.cores} × ${machine.cpu}, ${machine.memoryGib} GiB, ${machine.system}, load ${machine.load.toFixed(1)} before; ${versions.join(', ')}; at most ${repeat} runs of each${scale === 1 ? '' : `; **scale ${scale}**`}.`,
    ...result.comparisons.flatMap(comparisonSection),
    ...figuresTable(result.figures),
    ...result.notes.flatMap((note) => ['', note]),
  ];
}

function comparisonSection({ title, bytes, entries }: ComparisonResult): string[] {
  const rows = entries.map((entry) => [entry.name, String(entry.runs.length), ...measuredCells(entry)]);
  return [
    '',
    `### ${title} (${whole(bytes / MIB)} MiB)`,
    '',
    ...table(['', 'runs', ...COLUMNS.map(([header]) => header)], rows, 1),
    ...entries.flatMap(({ name, failure }) =>
      failure === undefined ? [] : ['', `${name} failed: ${oneLine(failure)}`],
    ),
  ];
}

function measuredCells({ median }: Entry): string[] {
  return median === undefined ? COLUMNS.map(() => '') : COLUMNS.map(([, value]) => value(median));
}

function figuresTable(figures: readonly Figure[]): string[] {
  if (figures.length === 0) return [];
  const rows = figures.map(({ name, value, unit }) => [name, rounded(value), unit]);
  return ['', ...table(['', 'measured', ''], rows, 1)];
}

/** Columns from `numbersFrom` on are right-aligned. */
function table(header: readonly string[], rows: readonly (readonly string[])[], numbersFrom: number): string[] {
  const alignment = header.map((text, index) => (index >= numbersFrom && text !== '' ? '---:' : '---'));
  return [header, alignment, ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function whole(value: number): string {
  return String(Math.round(value));
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(-200);
}
