// Runs a program on a terminal of unknown width, provided by `script` of util-linux, and captures its output.
import { spawnSync } from 'node:child_process';

export const hasScript =
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true;

export const NO_SCRIPT = 'script of util-linux is not installed';

/** @returns the output on stdout and stderr, which are the same terminal. */
export function runOnTerminal(program: string, args: readonly string[], environment: NodeJS.ProcessEnv) {
  const command = [program, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const { stdout, status } = spawnSync('script', ['-qec', command, '/dev/null'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { output: stdout, exitCode: status };
}
