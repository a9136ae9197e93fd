// What a person sees while a verb works: a bar on a screen that redraws, plain lines elsewhere, warnings and retries above them.

import type { TransferTotals, UploadEvent } from '../../events.ts';
import { safeText } from '../guard-output.ts';
import type { Screen } from '../screens/screen.ts';
import { ProgressBar } from './progress-bar.ts';
import { ProgressLines } from './progress-lines.ts';

/** Shows totals, in place or line by line. */
export interface ProgressDisplay {
  show(totals: TransferTotals): void;
  /** Prints a line of its own. */
  log(line: string): void;
  stop(): void;
}

export interface ReporterOptions {
  readonly stream: NodeJS.WriteStream;
  /** What the stream shows. */
  readonly screen: Pick<Screen, 'redraws' | 'symbols'>;
  /** Print nothing but errors. */
  readonly quiet: boolean;
  /** Show progress. */
  readonly progress: boolean;
  /** Print what only helps to find out why. */
  readonly verbose: boolean;
}

/** A retry of one kind is worth a line at first and then from time to time, in milliseconds. */
const RETRY_LINE_INTERVAL_MS = 30_000;

const HASHING_LINE_INTERVAL_MS = 10_000;

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #display: ProgressDisplay | undefined;
  #lastHashingLineMs = Number.NEGATIVE_INFINITY;
  readonly #lastRetryLineMs = new Map<string, number>();

  constructor(options: ReporterOptions) {
    this.#options = options;
    const { stream, screen, quiet, progress } = options;
    if (quiet || !progress) return;
    this.#display = screen.redraws ? new ProgressBar(stream, screen.symbols) : new ProgressLines(stream);
  }

  readonly onEvent = (event: UploadEvent): void => {
    switch (event.type) {
      case 'progress':
        this.#display?.show(event);
        break;
      case 'start':
        if (event.resumedFrom !== undefined) {
          this.log(`Going on with the upload that began at ${event.resumedFrom} (${event.checkpoint}).`);
        }
        break;
      case 'start-verify':
        if (event.resumedFrom !== undefined) {
          this.log(`Going on with the verification that began at ${event.resumedFrom} (${event.checkpoint}).`);
        }
        break;
      case 'hashing':
        this.#hashing(event);
        break;
      case 'retry':
        this.#retry(event);
        break;
      case 'warning':
        this.log(`Warning: ${event.message}`);
        break;
      case 'credential':
        this.log(event.message);
        break;
      case 'debug':
        if (this.#options.verbose) this.log(event.message);
        break;
    }
  };

  log(line: string): void {
    if (this.#options.quiet) return;
    if (this.#display === undefined) this.#options.stream.write(`${safeText(line)}\n`);
    else this.#display.log(safeText(line));
  }

  stop(): void {
    this.#display?.stop();
  }

  #hashing({ done, size }: Extract<UploadEvent, { type: 'hashing' }>): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastHashingLineMs < HASHING_LINE_INTERVAL_MS) return;
    this.#lastHashingLineMs = nowMs;
    this.log(`Everything is sent. Computing the MD5 of the whole VHD: ${Math.floor((done / size) * 100)}%.`);
  }

  #retry({ reason, message, attempt, delayMs }: Extract<UploadEvent, { type: 'retry' }>): void {
    const last = this.#lastRetryLineMs.get(reason);
    const nowMs = performance.now();
    if (!this.#options.verbose && last !== undefined && nowMs - last < RETRY_LINE_INTERVAL_MS) return;
    this.#lastRetryLineMs.set(reason, nowMs);
    this.log(`${message} Trying again in ${(delayMs / 1000).toFixed(1)} s (try ${attempt + 1}).`);
  }
}
