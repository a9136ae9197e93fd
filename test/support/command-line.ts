// Runs the command line: in a process of its own, as users do, or in this process, which takes a third of the time.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { guardOutput } from '../../src/cli/guard-output.ts';
import { main } from '../../src/cli/main.ts';
import { screenOf } from '../../src/cli/screens/screen.ts';
import { withOnlyProxies } from './environment.ts';

/** The folder of the project. */
export const ROOT = join(import.meta.dirname, '../..');

export interface ProgramOutput {
  stdout: string;
  stderr: string;
}

export interface Outcome extends ProgramOutput {
  /** Null if a signal ended the process. */
  readonly exitCode: number | null;
}

export interface RunningProgram {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
}

/**
 * Starts dist/ in a process with no other environment than this one, and ends it with the test.
 * @param name - A program of package.json.
 * @param cwd - Its working folder. @default that of this process
 */
export function startProgram(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  name = 'vhdup',
  cwd?: string,
): RunningProgram {
  const child = spawn(process.execPath, [join(ROOT, `bin/${name}.js`), ...args], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output: ProgramOutput = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => {
    output.stdout += data;
  });
  child.stderr.on('data', (data) => {
    output.stderr += data;
  });
  const ended = new Promise<Outcome>((resolve) => {
    child.once('close', (exitCode) => resolve({ exitCode, ...output }));
  });
  return { child, ended };
}

/** Runs dist/ to its end in a process of its own. */
export function runProgram(
  args: readonly string[],
  environment?: NodeJS.ProcessEnv,
  name?: string,
  cwd?: string,
): Promise<Outcome> {
  return startProgram(args, environment, name, cwd).ended;
}

/** Runs the program in this process, with the filter of its output. It has no proxy but those in `environment`. */
export async function runHere(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const output: ProgramOutput = { stdout: '', stderr: '' };
  const restore = (['stdout', 'stderr'] as const).map((name) => {
    const stream = process[name];
    const { write } = stream;
    stream.write = (text: unknown) => {
      output[name] += String(text);
      return true;
    };
    guardOutput(stream, screenOf(environment, stream));
    return () => {
      stream.write = write;
    };
  });
  try {
    const exitCode = await withOnlyProxies(environment, () => main(args, environment));
    return { exitCode, ...output };
  } finally {
    for (const undo of restore) undo();
  }
}
