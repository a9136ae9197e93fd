// One run of the built command line. It is watched while it works, and checked against the rules for all runs.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from './files.ts';
import { assertRule } from './report.ts';
import type { Command, World } from './world.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/vhdup.js');
/** The exit codes of docs/exit-codes.md, without 1 (a bug) and 2 (the campaign gives only valid options). */
const DOCUMENTED = [0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 21, 129, 130, 143];
const HANGS_AFTER_MS = 90_000;
/** The limit for 64 threads in docs/performance.md, in MiB. */
const MAX_MEMORY = 350;
/** Number of requests between two samples of the memory. */
const SAMPLE_EVERY = 8;
const STACK_TRACE = /^\s+at .+:\d+:\d+\)?$|\(node:\d+\)|This is a bug in vhdup|Unhandled|heap out of memory/m;

export interface Outcome {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  readonly isRunning: () => boolean;
  /** Resolves at the given request of this run, or when the run has ended. */
  readonly atRequest: (count: number) => Promise<void>;
  readonly signal: (signal: NodeJS.Signals) => void;
}

/** @param onExit - Called as soon as the process has exited. */
export function launch(world: World, command: Command, onExit: (outcome: Outcome) => void = () => undefined): Running {
  const { server, folder, root } = world;
  const base = server.counters.requests;
  const child = spawn(process.execPath, [PROGRAM, ...command.args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: root, LANG: 'C.UTF-8', NO_PROXY: '127.0.0.1', ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const sent = new Set<string>();
  const watched: Watched & { hung: boolean; stdout: string; stderr: string } = {
    peakKib: 0,
    leaks: [],
    hung: false,
    stdout: '',
    stderr: '',
  };
  let running = true;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    watched.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    watched.stderr += text;
  });
  const timer = setTimeout(() => {
    watched.hung = true;
    child.kill('SIGKILL');
  }, HANGS_AFTER_MS);
  watchRequests(world, child, () => running, watched);
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => {
      clearTimeout(timer);
      running = false;
      const outcome = { exitCode, signal, stdout: watched.stdout, stderr: watched.stderr };
      world.tally.largest('peak MiB', Math.round(watched.peakKib / 1024));
      try {
        assertWellBehaved(world, command, outcome, sent, watched);
        onExit(outcome);
        resolve(outcome);
      } catch (error) {
        reject(error);
      }
    });
  });
  // Also called if a rule is broken long before anything waits for the end.
  const forget = () => world.running.delete(self);
  const self: Running = {
    child,
    ended,
    isRunning: () => running,
    atRequest: (count) =>
      Promise.race([
        server.when(() => !running || server.counters.requests >= base + count),
        ended.then(
          () => undefined,
          () => undefined,
        ),
      ]),
    signal: (signal) => {
      sent.add(signal);
      child.kill(signal);
    },
  };
  world.running.add(self);
  void ended.then(forget, forget);
  return self;
}

/** Observations of a process from outside. */
interface Watched {
  peakKib: number;
  readonly leaks: string[];
}

/** Samples the process after every few requests. */
function watchRequests(world: World, { pid }: ChildProcess, isRunning: () => boolean, watched: Watched): void {
  const { server } = world;
  const base = server.counters.requests;
  let sampledAt = base;
  let refusals = server.counters.byStatus.get(403) ?? 0;
  void server.when(() => {
    if (!isRunning()) return true;
    const refused = server.counters.byStatus.get(403) ?? 0;
    // With --sas-file it waits until somebody writes a new SAS to the file.
    if (refused > refusals) world.renewSas();
    refusals = refused;
    if (server.counters.requests >= sampledAt + SAMPLE_EVERY) {
      sampledAt = server.counters.requests;
      watched.peakKib = Math.max(watched.peakKib, peakKibOf(pid));
      if (sampledAt < base + 3 * SAMPLE_EVERY) watched.leaks.push(...shownInProcessList(world, pid));
    }
    return false;
  });
}

function assertWellBehaved(
  world: World,
  command: Command,
  { exitCode, signal, stdout, stderr }: Outcome,
  sent: ReadonlySet<string>,
  { hung, peakKib, leaks }: { readonly hung: boolean; readonly peakKib: number; readonly leaks: readonly string[] },
): void {
  const shown = `\n${stderr.slice(-2000)}`;
  assertRule(!hung, `A run must end within ${HANGS_AFTER_MS / 1000} s, but this one had to be killed:${shown}`);
  if (exitCode === null) {
    assertRule(signal !== null && sent.has(signal), `A process was ended by ${signal}, which nobody sent:${shown}`);
  } else assertRule(DOCUMENTED.includes(exitCode), `Exit code ${exitCode} is not allowed here:${shown}`);
  assertRule(!STACK_TRACE.test(stderr) && !STACK_TRACE.test(stdout), `A stack trace or a warning of Node:${shown}`);
  if (exitCode !== null && exitCode !== 0 && sent.size === 0) {
    assertRule(`${stdout}${stderr}`.trim() !== '', `No output explains exit code ${exitCode}.`);
  }
  if (command.args.includes('--json')) assertJsonLines(stdout, exitCode);
  assertRule(peakKib <= MAX_MEMORY * 1024, `A run used ${Math.round(peakKib / 1024)} MiB of memory.`);
  assertRule(leaks.length === 0, `The process list shows a secret: ${leaks[0]}`);
  for (const [where, text] of [['stdout', stdout], ['stderr', stderr], ...filesOf(world)] as const) {
    const isLeak = [...world.secrets].some((secret) => text.includes(secret));
    assertRule(!isLeak, `A secret is in ${where}.`);
  }
}

/** One object per line. The last one is the outcome, unless the process was ended at once. */
function assertJsonLines(stdout: string, exitCode: number | null): void {
  const lines = stdout.split('\n').filter((line) => line !== '');
  const types = lines.map((line) => {
    try {
      return (JSON.parse(line) as { type?: unknown }).type;
    } catch {
      return undefined;
    }
  });
  const broken = exitCode === null ? -1 : types.indexOf(undefined);
  assertRule(broken < 0, `With --json, a line of stdout is not an object with a type: ${lines[broken]?.slice(0, 200)}`);
  if (exitCode === null || [129, 130, 143].includes(exitCode)) return;
  const last = exitCode === 0 ? 'result' : 'error';
  assertRule(types.at(-1) === last, `With --json and exit code ${exitCode}, the last line is not of the type ${last}.`);
}

/** The contents of all files that `vhdup` wrote beside the image. */
function filesOf({ folder, image, other }: World): [string, string][] {
  const given = [...image.files, ...(other?.files ?? []), 'sas.txt'];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !given.includes(entry.name))
    .map((entry) => [entry.name, readIfThere(join(entry.parentPath, entry.name))]);
}

/** 0 on systems without /proc. */
function peakKibOf(pid: number | undefined): number {
  const status = readProc(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
}

/** Processes whose command line contains a secret that no user put there. */
function shownInProcessList({ showsSas, secrets }: World, pid: number | undefined): string[] {
  if (showsSas || !existsSync('/proc/self/cmdline')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      const line = readProc(`/proc/${name}/cmdline`);
      return [...secrets].some((secret) => line.includes(secret));
    })
    .map((name) => `process ${name}, with vhdup as ${pid}`);
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended.
    return '';
  }
}
