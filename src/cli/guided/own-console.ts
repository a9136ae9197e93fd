// A window that Windows has opened for vhdup alone closes with it, before anybody has read what is in it.
import type { ReadStream } from 'node:tty';
import { isExecutable } from '../../base/embedded.ts';
import { loadKoffi } from '../../image/load-koffi.ts';
import { readLine } from '../read-line.ts';

export interface ConsoleSystem {
  readonly platform: NodeJS.Platform;
  readonly environment: NodeJS.ProcessEnv;
  readonly isTerminal: boolean;
  readonly isExecutable: boolean;
  /** The number of processes of this console, as Windows counts them. Windows only. Undefined without koffi. */
  readonly countProcesses: () => Promise<number | undefined>;
}

/** The system that vhdup runs on. */
export function consoleSystem(environment: NodeJS.ProcessEnv): ConsoleSystem {
  const isTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  return { platform: process.platform, environment, isTerminal, isExecutable: isExecutable(), countProcesses };
}

/**
 * Whether this process is alone in its console: Explorer has started it. Where that cannot be counted, an executable that was not
 * started by cmd.exe (which sets PROMPT) or by a shell of Unix (TERM) may be: at worst, somebody presses Enter once more.
 */
export async function ownsConsole(system: ConsoleSystem): Promise<boolean> {
  const { platform, environment, isTerminal } = system;
  if (platform !== 'win32' || !isTerminal) return false;
  const count = await system.countProcesses();
  if (count !== undefined) return count === 1;
  return system.isExecutable && !environment['PROMPT'] && !environment['TERM'];
}

/** Ctrl-C and the end of the input close the window too. */
export async function waitForEnter(input: ReadStream, output: NodeJS.WritableStream): Promise<void> {
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error('closed'));
  process.once('SIGINT', onSignal);
  try {
    output.write('\nPress Enter to close this window. ');
    await readLine(input, stop.signal);
  } catch (error) {
    if (error !== stop.signal.reason) throw error;
  } finally {
    process.off('SIGINT', onSignal);
  }
}

/** Source: GetConsoleProcessList in the documentation of Windows. 0 is a failure, as of a process without a console. */
async function countProcesses(): Promise<number | undefined> {
  try {
    const { load } = await loadKoffi();
    const list = load('kernel32.dll').func('uint32_t __stdcall GetConsoleProcessList(void *list, uint32_t count)');
    // The list need not fit: the result is the number of processes.
    const count = Number(list(Buffer.alloc(2 * 4), 2));
    return count === 0 ? undefined : count;
  } catch {
    // koffi is optional.
    return undefined;
  }
}
