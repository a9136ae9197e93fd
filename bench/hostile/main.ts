// npm run hostile [-- --count N] [--seed N] [--only vhd|vhdx|ext|fat|exfat|xfs|btrfs|ntfs|hive|lvm|swap] [--jobs N]: damages small images and file systems in N ways each and reads them.
import { parseArgs } from 'node:util';
import { type CaseReport, FORMATS, type Format, MAX_MEMORY, type Stretch } from './cases.ts';
import { runStretch } from './run-stretch.ts';
import { Tally } from './tally.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    jobs: { type: 'string', default: '2' },
  },
});
/** Cases per process. The start of a process takes as long as some hundred cases. */
const STRETCH = 500;
const MAX_MS = 1000;

const count = whole('count', values.count);
const seed = whole('seed', values.seed);
const formats = FORMATS.filter((format) => values.only === undefined || format === values.only);
if (formats.length === 0) throw new Error(`--only must be one of ${FORMATS.join(', ')}, but is ${values.only}.`);

let failures = 0;
for (const format of formats) {
  const tally = new Tally();
  const stretches: Stretch[] = [];
  for (let done = 0; done < count; done += STRETCH) {
    stretches.push({ format, first: seed + done, count: Math.min(STRETCH, count - done) });
  }
  await Promise.all(Array.from({ length: whole('jobs', values.jobs) }, () => work(stretches, tally)));
  console.log(tally.summary(format));
  failures += tally.failures;
}
process.exitCode = failures === 0 ? 0 : 1;

/** Works on stretches until none are left. */
async function work(stretches: Stretch[], tally: Tally): Promise<void> {
  for (let stretch = stretches.shift(); stretch !== undefined; stretch = stretches.shift()) {
    const { reports, broken } = await runStretch(stretch);
    const { format, first } = stretch;
    if (process.stderr.isTTY) process.stderr.write(`${format} ${first} to ${first + stretch.count - 1}\r`);
    for (const [at, report] of reports) await judge(format, at, report, tally);
    if (broken !== undefined) fail(tally, format, broken.seed, broken.fault);
    const next = broken === undefined ? first + reports.size : broken.seed + 1;
    const left = first + stretch.count - next;
    if (left > 0) stretches.push({ format, first: next, count: left });
  }
}

async function judge(format: Format, at: number, report: CaseReport, tally: Tally): Promise<void> {
  if (report.fault !== undefined) return fail(tally, format, at, report.fault);
  if (!isSuspect(report)) return tally.add(at, report);
  // The machine may have been busy, and the memory may come from earlier cases. So the case runs again alone in its own process.
  const { reports, broken } = await runStretch({ format, first: at, count: 1 });
  const alone = reports.get(at);
  if (alone === undefined) return fail(tally, format, at, broken?.fault ?? 'no answer');
  tally.add(at, alone);
  if (isSuspect(alone)) fail(tally, format, at, `${amounts(alone)}; at most 1 s and 256 MiB are allowed`);
}

function isSuspect({ slowest, peakMemory }: CaseReport): boolean {
  return peakMemory > MAX_MEMORY || (slowest !== undefined && slowest.ms > MAX_MS);
}

function amounts({ slowest, peakMemory }: CaseReport): string {
  return `${slowest?.operation} took ${Math.round(slowest?.ms ?? 0)} ms, peak memory ${Math.round(peakMemory / 2 ** 20)} MiB`;
}

function fail(tally: Tally, format: Format, at: number, fault: string): void {
  tally.failures++;
  console.log(`FAILED --only ${format} --seed ${at} --count 1: ${fault}`);
}

function whole(name: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} must be a whole number greater than 0, but is "${text}".`);
  return Number(text);
}
