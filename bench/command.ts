// Runs a program and measures it: wall time here, CPU time and peak memory of the whole process by GNU time.
import { spawn } from 'node:child_process';
import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const GNU_TIME = '/usr/bin/time';
const KEPT_OUTPUT = 64 * 1024;

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Beside PATH, the only variable that is passed on. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The same, on the first `cores` cores alone: by taskset of util-linux. */
export function pinned<T extends Command>(command: T, cores: number | undefined): T {
  if (cores === undefined) return command;
  const list = Array.from({ length: cores }, (_, core) => core).join(',');
  return { ...command, program: 'taskset', args: ['-c', list, command.program, ...command.args] };
}

/** How a program ended, and what it took. */
export interface Measured {
  readonly exitCode: number;
  /** Of both streams, the last 64 KiB. */
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
  /** The program is killed then. */
  readonly limitMs: number;
  /** Called with all output so far, at each piece of it; answers with a signal to send, once. */
  readonly onOutput?: (output: string) => NodeJS.Signals | undefined;
}

const running = new Set<number>();
process.once('exit', () => {
  for (const group of running) kill(group, 'SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** Throws where GNU time is not installed. */
export async function requireGnuTime(): Promise<void> {
  await access(GNU_TIME, constants.X_OK).catch((cause: unknown) => {
    throw new Error(`CPU time and memory are measured by GNU time, and there is no ${GNU_TIME}: install it.`, {
      cause,
    });
  });
}

/** Runs a program to its end, or to the limit. Throws only when it cannot be started. */
export async function measure(command: Command, { folder, limitMs, onOutput }: MeasureOptions): Promise<Measured> {
  const report = join(folder, 'time.txt');
  const args = ['-q', '-f', '%U %S %M', '-o', report, command.program, ...command.args];
  const env = { PATH: process.env['PATH'], ...command.env };
  const startedAt = Date.now();
  const startMs = performance.now();
  // A process group of its own: GNU time does not pass signals on.
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

/** The group may be gone already. */
function kill(group: number, signal: NodeJS.Signals): void {
  try {
    if (group > 0) process.kill(-group, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
