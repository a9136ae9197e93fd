// Ctrl-C and similar signals: the first stops cleanly, the second exits at once.
import type { Readable } from 'node:stream';
import { EXIT_CODES, VhdupError } from '../errors.ts';

const SIGNALS = {
  SIGINT: EXIT_CODES.interrupted,
  SIGTERM: EXIT_CODES.terminated,
  SIGHUP: EXIT_CODES.hangup,
  /** Ctrl-Break on Windows. */
  SIGBREAK: EXIT_CODES.interrupted,
} as const;

/** Ctrl-\ of Unix: the user wants the program to end at once. */
const QUIT = 'SIGQUIT';
const QUIT_EXIT_CODE = 131;

/** How a stream ends. A broken pipe is one that has ended, too. */
const ENDS = ['end', 'error', 'close'] as const;

/** The keys that a terminal sends to every program in it. */
const KEYS: readonly string[] = ['SIGINT', 'SIGBREAK'];

/** The user, the system or the program that started this one asked it to stop. */
export class InterruptedError extends VhdupError {
  readonly code = 'INTERRUPTED';
  readonly exitCode: number;

  constructor(by: keyof typeof SIGNALS | 'stdin') {
    super(by === 'stdin' ? 'Stopped: the standard input has ended.' : `Stopped by ${by}.`);
    this.exitCode = by === 'stdin' ? EXIT_CODES.interrupted : SIGNALS[by];
  }
}

/**
 * The standard input, if the program that started this one stops it by closing that: Windows has no signals, and a program that was
 * killed sends none.
 */
export function stopStream(environment: NodeJS.ProcessEnv): NodeJS.ReadStream | undefined {
  return environment['VHDUP_STOP_WITH_STDIN'] === '1' ? process.stdin : undefined;
}

/**
 * Runs `work` with a signal that Ctrl-C aborts.
 * @param parent - Its end aborts the work too. Whoever holds it decides what Ctrl-C means, so the keys are ignored.
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  onStopping: () => void,
  parent?: Readable & { unref?: () => unknown },
): Promise<T> {
  const controller = new AbortController();
  const names = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[];
  const listeners = names.map((name) => {
    const listener = () => {
      if (parent !== undefined && KEYS.includes(name)) return;
      if (controller.signal.aborted) return endAtOnce(name, SIGNALS[name], stopListening);
      onStopping();
      controller.abort(new InterruptedError(name));
    };
    process.on(name, listener);
    return { name, listener };
  });
  const onQuit = () => endAtOnce(QUIT, QUIT_EXIT_CODE, stopListening);
  const stopListening = () => {
    for (const { name, listener } of listeners) process.off(name, listener);
    process.off(QUIT, onQuit);
  };
  if (process.platform !== 'win32') process.on(QUIT, onQuit);
  const onEnd = () => {
    if (controller.signal.aborted) return;
    onStopping();
    controller.abort(new InterruptedError('stdin'));
  };
  for (const event of ENDS) parent?.once(event, onEnd);
  parent?.resume();
  // It must not keep the program running.
  parent?.unref?.();
  try {
    return await work(controller.signal);
  } finally {
    stopListening();
    for (const event of ENDS) parent?.off(event, onEnd);
    parent?.pause();
  }
}

/**
 * Ends the process by the signal's default action, which shells report as the same exit code. `process.exit` would wait for
 * threads, and a thread that reads from a dead network share or a stalled disk does not return.
 */
function endAtOnce(name: NodeJS.Signals, exitCode: number, stopListening: () => void): void {
  if (process.platform !== 'win32') {
    stopListening();
    // Listeners restore the terminal.
    process.emit('exit', exitCode);
    process.kill(process.pid, name);
  }
  // Windows has no signals. Elsewhere, another listener may prevent the default action.
  process.exit(exitCode);
}
