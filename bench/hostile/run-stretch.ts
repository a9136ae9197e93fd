// Runs a stretch of cases in its own process, and ends the process if a case hangs.
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CaseReport, Message, Stretch, Task } from './cases.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
/** A case or a process start without a message for this long counts as hanging. */
const HANG_MS = 30_000;

export interface StretchResult {
  /** By seed. Fewer than the stretch has if a case was broken, or needed more memory than is allowed. */
  readonly reports: ReadonlyMap<number, CaseReport>;
  /** The case that ended the process, and the reason. */
  readonly broken?: { readonly seed: number; readonly fault: string };
}

export async function runStretch(stretch: Stretch): Promise<StretchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'vhdup-hostile-'));
  try {
    return await runTask({ ...stretch, folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runTask(task: Task): Promise<StretchResult> {
  const reports = new Map<number, CaseReport>();
  const child = fork(WORKER, {
    execArgv: ['--expose-gc', '--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const endChild = () => child.kill('SIGKILL');
  process.once('exit', endChild);
  let seed = task.first;
  let isHanging = false;
  const timer = setTimeout(() => {
    isHanging = true;
    endChild();
  }, HANG_MS);
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-4096);
  });
  child.on('message', (message: Message) => {
    timer.refresh();
    seed = message.seed;
    if (message.type === 'end') reports.set(seed, message);
  });
  child.send(task);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(timer);
  process.off('exit', endChild);
  if (code === 0 && reports.size > 0) return { reports };
  const fault = isHanging ? `no end after ${HANG_MS / 1000} s` : `the process ended with ${code}: ${words.trim()}`;
  return { reports, broken: { seed, fault } };
}
