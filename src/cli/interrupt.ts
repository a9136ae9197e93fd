// Ctrl-C and similar signals: the first stops cleanly, the second exits at once.
import { EXIT_CODES, VhdupError } from '../errors.ts';

const SIGNALS = {
  SIGINT: EXIT_CODES.interrupted,
  SIGTERM: EXIT_CODES.terminated,
  SIGHUP: EXIT_CODES.hangup,
  /** Ctrl-Break on Windows. */
  SIGBREAK: EXIT_CODES.interrupted,
} as const;

/** The user or the system asked the program to stop. */
export class InterruptedError extends VhdupError {
  readonly code = 'INTERRUPTED';
  readonly exitCode: number;

  constructor(signal: keyof typeof SIGNALS) {
    super(`Stopped by ${signal}.`);
    this.exitCode = SIGNALS[signal];
  }
}

/** Runs `work` with a signal that Ctrl-C aborts. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>, onStopping: () => void): Promise<T> {
  const controller = new AbortController();
  const names = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[];
  const listeners = names.map((name) => {
    const listener = () => {
      if (controller.signal.aborted) return endAtOnce(name, stopListening);
      onStopping();
      controller.abort(new InterruptedError(name));
    };
    process.on(name, listener);
    return { name, listener };
  });
  const stopListening = () => {
    for (const { name, listener } of listeners) process.off(name, listener);
  };
  try {
    return await work(controller.signal);
  } finally {
    stopListening();
  }
}

/**
 * Ends the process by the signal's default action, which shells report as the same exit code. `process.exit` would wait for
 * threads, and a thread that reads from a dead network share or a stalled disk does not return.
 */
function endAtOnce(name: keyof typeof SIGNALS, stopListening: () => void): void {
  if (process.platform !== 'win32') {
    stopListening();
    // Listeners restore the terminal.
    process.emit('exit', SIGNALS[name]);
    process.kill(process.pid, name);
  }
  // Windows has no signals. Elsewhere, another listener may prevent the default action.
  process.exit(SIGNALS[name]);
}
