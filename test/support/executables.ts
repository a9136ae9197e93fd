// The executables that `npm run build:exe` has written, and processes that are not Node's.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Outcome, ROOT, type RunningProgram } from './command-line.ts';
import { hasCommitted, server, storedBlob } from './target-server.ts';
import { buildVhd, diskOf, patternOf, uniqueIdOf } from './vhd-builder.ts';
import { expectSameBytes } from './vhd-fixtures.ts';

const MIB = 1024 * 1024;
/** Of the disk that the tests of all executables use. */
export const DISK_SIZE = 48 * MIB;
const CONTENTS = [
  { offset: 0, bytes: patternOf(1, 22 * MIB) },
  { offset: 30 * MIB, bytes: patternOf(2, 9 * MIB + 512) },
];
export const DISK = diskOf(DISK_SIZE, CONTENTS);

/** Writes the disk as a dynamic VHD. */
export async function writeDisk(path: string): Promise<void> {
  await buildVhd(path, { type: 'dynamic', size: DISK_SIZE, contents: CONTENTS, uniqueId: uniqueIdOf(1) });
}

export function expectUploaded(): void {
  expectSameBytes(storedBlob().read(0, DISK_SIZE), DISK);
}

/** Kills an upload when it has sent two windows. */
export async function killWhileSending({ child, ended }: RunningProgram): Promise<void> {
  await Promise.race([server.when(() => hasCommitted(8 * MIB)), ended]);
  child.kill('SIGKILL');
  await ended;
}

export const EXE_FOLDER = join(ROOT, 'dist/exe');

/** @param target - win-x64 and so on. @returns undefined if it was not built. */
export function builtExecutable(target: string): string | undefined {
  const path = join(EXE_FOLDER, `vhdup-${target}${target.startsWith('win-') ? '.exe' : ''}`);
  return existsSync(path) ? path : undefined;
}

export const NOT_BUILT = 'there is no executable: npm run build:exe';

/** @returns the path of a program in PATH, or in one of the folders. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  const all = [...(process.env['PATH'] ?? '').split(delimiter), ...folders];
  return all.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A script for `--require` in NODE_OPTIONS: it prints the number of worker threads that have answered. */
export const COUNT_THREADS = `const answering = new Set();
process.on('worker', (worker) => worker.once('message', () => answering.add(worker)));
process.on('exit', () => process._rawDebug('threads', answering.size));
`;

export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Starts a process with exactly this environment, and ends it with the test. */
export function startCommand(program: string, args: readonly string[], options: StartOptions): RunningProgram {
  const child = spawn(program, args, { env: {}, ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, ended: outcomeOf(child) };
}

function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text) => {
      output[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, ...output }));
  });
}

/** The object of type `result` that a command with --json has printed, without its time. @throws {Error} if it failed. */
export function resultOf({ exitCode, stdout, stderr }: Outcome): Record<string, unknown> {
  const objects = stdout
    .trim()
    .split(/\r?\n/)
    .map((line) => JSON.parse(line));
  const result = objects.find(({ type }) => type === 'result');
  if (result === undefined) throw new Error(`Exit code ${exitCode}: ${stderr}\n${stdout}`);
  const { time: _, ...others } = result;
  return others;
}
