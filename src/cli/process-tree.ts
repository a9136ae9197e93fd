// Ends a process and all processes that it started.
import { type ChildProcess, spawnSync } from 'node:child_process';
import { win32 } from 'node:path';

/** Limit of the wait for taskkill on Windows, in milliseconds. */
const TASKKILL_LIMIT_MS = 10_000;

/** Runs a program to its end. */
type Run = (program: string, args: readonly string[]) => void;

/** On POSIX the child must be the leader of a process group of its own (`detached`). Does nothing when it has exited. */
export function endTree(
  { pid }: Pick<ChildProcess, 'pid'>,
  platform: NodeJS.Platform = process.platform,
  environment: NodeJS.ProcessEnv = process.env,
  run: Run = runToEnd,
): void {
  if (pid === undefined) return;
  if (platform === 'win32') {
    // With its folder: for the bare name, Windows would prefer a taskkill.exe in the current folder.
    const taskkill = win32.join(environment['SystemRoot'] ?? 'C:\\Windows', 'System32', 'taskkill.exe');
    run(taskkill, ['/pid', String(pid), '/t', '/f']);
    return;
  }
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The whole group has exited.
  }
}

/** Synchronous, so that it works while the program exits. */
function runToEnd(program: string, args: readonly string[]): void {
  spawnSync(program, args, { windowsHide: true, stdio: 'ignore', timeout: TASKKILL_LIMIT_MS });
}
