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
      if (controller.signal.aborted) process.exit(SIGNALS[name]);
      onStopping();
      controller.abort(new InterruptedError(name));
    };
    process.on(name, listener);
    return { name, listener };
  });
  try {
    return await work(controller.signal);
  } finally {
    for (const { name, listener } of listeners) process.off(name, listener);
  }
}
