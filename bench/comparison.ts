// Runs contenders alternately (A B A B) against one server, and takes the median of each.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../src/base/thrown.ts';
import { type Measured, measure, pinned } from './command.ts';
import type { Contender } from './contenders.ts';
import { Service, type ServiceCounters, type ServiceOptions } from './service.ts';

export interface Comparison {
  readonly title: string;
  /** Bytes that each contender has to move, for the throughput and the CPU time per GiB. */
  readonly bytes: number;
  readonly service?: ServiceOptions;
  /** Number of cores that tools and server share. @default all */
  readonly cores?: number;
  readonly contenders: readonly Contender[];
  /** Maximum number of runs of each contender. */
  readonly repeat?: number;
  /** Limit of one run. */
  readonly limitMs?: number;
}

/** The measurements of one upload. */
export interface Run {
  readonly wallMs: number;
  /** Bytes of the comparison per second. */
  readonly bytesPerSecond: number;
  readonly cpuSeconds: number;
  readonly cpuSecondsPerGib: number;
  readonly peakMemory: number;
  readonly requests: number;
  readonly putPages: number;
  /** Bytes in the bodies of requests. */
  readonly bytesOnWire: number;
  /** Answers with a status of 500 or above. */
  readonly refused: number;
  /** Time from the start of the program. */
  readonly firstPutMs: number;
  /** If it is close to the wall time, the server was the limit. */
  readonly serverCpuSeconds: number;
}

/** All runs of one contender. */
export interface Entry {
  readonly name: string;
  readonly runs: readonly Run[];
  /** The median of each field. Undefined if a run failed. */
  readonly median?: Run;
  /** The end of the output of a failed run. */
  readonly failure?: string;
}

export interface ComparisonResult {
  readonly title: string;
  readonly bytes: number;
  readonly entries: readonly Entry[];
}

export interface CompareSettings {
  /** Folder for files of one run. */
  readonly folder: string;
  readonly repeat: number;
  readonly log: (line: string) => void;
}

const GIB = 1024 ** 3;
const DEFAULT_LIMIT_MS = 10 * 60_000;

/** Before the measured runs, the first contender runs once, which loads the image into the page cache and warms the server. */
export async function compare(comparison: Comparison, settings: CompareSettings): Promise<ComparisonResult> {
  const { title, bytes, contenders, cores, service: options = {} } = comparison;
  const { repeat, log } = settings;
  const turns = Math.min(repeat, comparison.repeat ?? repeat);
  const runs = contenders.map((): Run[] => []);
  const failures = new Map<Contender, string>();
  log(`\n${title}`);
  const folder = await mkdtemp(join(settings.folder, 'run-'));
  const service = await Service.start(options, folder, cores);
  try {
    const [first] = contenders;
    if (first !== undefined && turns > 1) await runOnce(first, comparison, service, folder);
    for (let turn = 0; turn < turns; turn++) {
      for (const [index, contender] of contenders.entries()) {
        if (turn >= (contender.repeat ?? turns) || failures.has(contender)) continue;
        const outcome = await runOnce(contender, comparison, service, folder);
        if (typeof outcome === 'string') failures.set(contender, outcome);
        else runs[index]?.push(outcome);
        log(`  ${contender.name.padEnd(28)} ${describe(outcome)}`);
      }
    }
  } finally {
    await service.close();
    await rm(folder, { recursive: true, force: true });
  }
  const entries = contenders.map((contender, index): Entry => {
    const failure = failures.get(contender);
    const own = runs[index] ?? [];
    return failure === undefined
      ? { name: contender.name, runs: own, median: medianOf(own) }
      : { name: contender.name, runs: own, failure };
  });
  return { title, bytes, entries };
}

/** @returns the measurements, or the text of a failure. */
async function runOnce(
  contender: Contender,
  { bytes, cores, limitMs = DEFAULT_LIMIT_MS }: Comparison,
  service: Service,
  folder: string,
): Promise<Run | string> {
  const home = await mkdtemp(join(folder, 'home-'));
  try {
    const command = pinned(await contender.command(service, service.newBlobUrl(), home), cores);
    await service.counters();
    const measured = await measure(command, { folder, limitMs });
    const counters = await service.counters();
    if (measured.exitCode === -1) return `killed after ${Math.round(measured.wallMs / 1000)} s`;
    if (measured.exitCode !== 0) return `exit code ${measured.exitCode}: ${measured.output.trim().slice(-400)}`;
    return runOf(measured, counters, bytes);
  } catch (error) {
    return messageOf(error);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function runOf(measured: Measured, counters: ServiceCounters, bytes: number): Run {
  const { wallMs, cpuSeconds, peakMemory, startedAt } = measured;
  return {
    wallMs,
    bytesPerSecond: (bytes * 1000) / wallMs,
    cpuSeconds,
    cpuSecondsPerGib: (cpuSeconds * GIB) / bytes,
    peakMemory,
    requests: counters.requests,
    putPages: counters.byOperation['PutPage'] ?? 0,
    bytesOnWire: counters.bytesReceived,
    refused: Object.entries(counters.byStatus).reduce((sum, [code, times]) => (code >= '500' ? sum + times : sum), 0),
    firstPutMs: (counters.firstPutPageAt ?? Number.NaN) - startedAt,
    serverCpuSeconds: counters.cpuSeconds,
  };
}

/** The median of each field on its own. */
export function medianOf(runs: readonly Run[]): Run {
  const [first] = runs;
  if (first === undefined) throw new RangeError('A median needs at least one run.');
  const fields = Object.keys(first) as (keyof Run)[];
  return Object.fromEntries(fields.map((field) => [field, median(runs.map((run) => run[field]))])) as unknown as Run;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}

function describe(outcome: Run | string): string {
  if (typeof outcome === 'string') return `failed: ${outcome}`;
  const { wallMs, bytesPerSecond, cpuSeconds, peakMemory, requests, refused } = outcome;
  return [
    `${(wallMs / 1000).toFixed(2)} s`,
    `${Math.round(bytesPerSecond / 1024 ** 2)} MiB/s`,
    `CPU ${cpuSeconds.toFixed(2)} s`,
    `${Math.round(peakMemory / 1024 ** 2)} MiB`,
    `${requests} requests${refused === 0 ? '' : `, ${refused} refused`}`,
  ].join(', ');
}
