// Runs a program and measures its wall time. GNU time measures CPU time and peak memory of the whole process.
import { spawn } from 'node:child_process';
import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../src/base/thrown.ts';

const GNU_TIME = '/usr/bin/time';
const KEPT_OUTPUT = 64 * 1024;

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Variables in addition to PATH. No others are passed on. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The same command on the first `cores` cores only, by taskset of util-linux. */
export function pinned<T extends Command>(command: T, cores: number | undefined): T {
  if (cores === undefined) return command;
  const list = Array.from({ length: cores }, (_, core) => core).join(',');
  return { ...command, program: 'taskset', args: ['-c', list, command.program, ...command.args] };
}

/** The outcome and the cost of a program run. */
export interface Measured {
  readonly exitCode: number;
  /** The last 64 KiB of both streams. */
  readonly output: string;
  /** Milliseconds of the Unix epoch. */
  readonly startedAt: number;
  readonly wallMs: number;
  /** User and system time, all threads. */
  readonly cpuSeconds: number;
  /** The largest resident set, in bytes. */
  readonly peakMemory: number;
}

export interface MeasureOptions {
  /** For GNU time's report. */
  readonly folder: string;
  /** The program is killed after this time. */
  readonly limitMs: number;
  /** Called with the output so far whenever more arrives. The first signal that it returns is sent. */
  readonly onOutput?: (output: string) => NodeJS.Signals | undefined;
}

const running = new Set<number>();
process.once('exit', () => {
  for (const group of running) kill(group, 'SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** @throws if GNU time is not installed. */
export async function requireGnuTime(): Promise<void> {
  await access(GNU_TIME, constants.X_OK).catch((cause: unknown) => {
    throw new Error(`The benchmarks need GNU time, and ${GNU_TIME} does not exist. Install the package time.`, {
      cause,
    });
  });
}

/** Runs a program to its end or to the limit. @throws only if it cannot be started. */
export async function measure(command: Command, { folder, limitMs, onOutput }: MeasureOptions): Promise<Measured> {
  const report = join(folder, 'time.txt');
  const args = ['-q', '-f', '%U %S %M', '-o', report, command.program, ...command.args];
  const env = { PATH: process.env['PATH'], ...command.env };
  const startedAt = Date.now();
  const startMs = performance.now();
  // In its own process group, because GNU time does not forward signals.
  const child = spawn(GNU_TIME, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const group = child.pid ?? 0;
  running.add(group);
  const timer = setTimeout(() => kill(group, 'SIGKILL'), limitMs);
  let output = '';
  let isSignalled = false;
  const collect = (piece: string): void => {
    output = (output + piece).slice(-KEPT_OUTPUT);
    if (isSignalled) return;
    const signal = onOutput?.(output);
    if (signal === undefined) return;
    isSignalled = true;
    kill(group, signal);
  };
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? -1));
    });
    const wallMs = performance.now() - startMs;
    const isKilled = exitCode === -1;
    const [user = 0, system = 0, kib = 0] = isKilled
      ? []
      : (await readFile(report, 'utf8')).trim().split(' ').map(Number);
    return { exitCode, output, startedAt, wallMs, cpuSeconds: user + system, peakMemory: kib * 1024 };
  } finally {
    clearTimeout(timer);
    running.delete(group);
  }
}

/** Does nothing if the group has exited. */
function kill(group: number, signal: NodeJS.Signals): void {
  try {
    if (group > 0) process.kill(-group, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}
