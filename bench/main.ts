// npm run bench [-- NAME ...] [--scale N] [--repeat N]: runs scenarios, all by default, and stores their results.
import { access, mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/base/thrown.ts';
import { Bench, isMet, type Scenario } from './bench.ts';
import { requireGnuTime } from './command.ts';
import { describeMachine } from './machine.ts';
import { keepResults, type ScenarioResult } from './report/results.ts';
import { aged } from './scenarios/aged.ts';
import { check } from './scenarios/check.ts';
import { commands } from './scenarios/commands.ts';
import { download } from './scenarios/download.ts';
import { limits } from './scenarios/limits.ts';
import { linux } from './scenarios/linux.ts';
import { memory } from './scenarios/memory.ts';
import { micro } from './scenarios/micro.ts';
import { random } from './scenarios/random.ts';
import { smallRuns } from './scenarios/small-runs.ts';
import { sparse } from './scenarios/sparse.ts';

const SCENARIOS: readonly Scenario[] = [
  random,
  linux,
  aged,
  sparse,
  limits,
  smallRuns,
  commands,
  download,
  memory,
  check,
  micro,
];
const NAMES = SCENARIOS.map(({ name }) => name);
const BUILT = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { scale: { type: 'string', default: '1' }, repeat: { type: 'string', default: '3' } },
});
const scale = positive('scale', values.scale);
const repeat = Math.ceil(positive('repeat', values.repeat));
for (const name of positionals) {
  if (!NAMES.includes(name)) throw new Error(`There is no scenario ${name}. Choose from ${NAMES.join(', ')}.`);
}
await requireGnuTime();
await access(BUILT).catch((cause: unknown) => {
  throw new Error('vhdup is not built: npm run build.', { cause });
});

const folder = process.env['VHDUP_BENCH_DIR'] ?? fileURLToPath(new URL('./out', import.meta.url));
await mkdir(folder, { recursive: true });
// Scaled runs are for experiments: they do not replace the stored results.
const kept = scale === 1 ? fileURLToPath(new URL('.', import.meta.url)) : folder;
const machine = await describeMachine();
if (machine.load > 1) console.log(`The machine is busy (load ${machine.load.toFixed(1)}): the figures will be noisy.`);
for (const { name, title, run } of SCENARIOS) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  console.log(`\n${name}: ${title}${scale === 1 ? '' : `, at scale ${scale}`}`);
  const bench = new Bench({ folder, scale, repeat, log: (line) => console.log(line) });
  await run(bench).catch((error: unknown) => bench.note(`Stopped by an error: ${messageOf(error)}`));
  const result: ScenarioResult = {
    name,
    title,
    date: new Date().toISOString(),
    machine,
    scale,
    repeat,
    ...bench.findings,
  };
  await keepResults(kept, [result], NAMES);
  const missed = bench.findings.goals.filter((goal) => !isMet(goal)).length;
  if (missed > 0) console.log(`  ${missed} of ${bench.findings.goals.length} goals not met`);
}
console.log(`\nResults are in ${kept}`);

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} must be a number greater than 0, but is "${text}".`);
  return value;
}
