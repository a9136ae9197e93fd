// What the user sees while a command runs: a progress bar on a terminal, plain lines elsewhere, with warnings and retries above.
import type { UploadEvent } from '../../events.ts';
import type { OutsideSupport } from '../environment.ts';
import { safeText } from '../guard-output.ts';
import type { Screen } from '../screens/screen.ts';
import { formatBytes, formatSeconds } from '../screens/units.ts';
import { OutsideProgress } from './outside-progress.ts';
import { ProgressBar } from './progress-bar.ts';
import type { ProgressDisplay } from './progress-display.ts';
import { ProgressLines } from './progress-lines.ts';
import { fractionOf } from './progress-numbers.ts';

export interface ReporterOptions {
  readonly stream: NodeJS.WriteStream;
  /** What the stream supports. */
  readonly screen: Pick<Screen, 'redraws' | 'symbols'>;
  /** What the terminal can show outside of its text. @default nothing */
  readonly outside?: OutsideSupport;
  /** Print errors only. */
  readonly quiet: boolean;
  /** Show progress. */
  readonly progress: boolean;
  /** Also print details. */
  readonly verbose: boolean;
}

/** Minimum time between two printed retries with the same reason, in milliseconds. */
const RETRY_LINE_INTERVAL_MS = 30_000;

/** Minimum time between two lines about the same operation of Azure Resource Manager, in milliseconds. */
const STEP_LINE_INTERVAL_MS = 15_000;

const HASHING_LINE_INTERVAL_MS = 10_000;

const COPYING_LINE_INTERVAL_MS = 10_000;

type Started = Extract<UploadEvent, { type: 'start' | 'start-verify' | 'start-download' }>;

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #display: ProgressDisplay | undefined;
  readonly #outside: OutsideProgress | undefined;
  #lastHashingLineMs = Number.NEGATIVE_INFINITY;
  #lastCopyingLineMs = Number.NEGATIVE_INFINITY;
  #isSending = false;
  #lastStepLineMs = Number.NEGATIVE_INFINITY;
  #isDownload = false;
  readonly #lastRetryLineMs = new Map<string, number>();

  constructor(options: ReporterOptions) {
    this.#options = options;
    const { stream, screen, quiet, progress, outside } = options;
    if (quiet || !progress) return;
    this.#display = screen.redraws ? new ProgressBar(stream, screen.symbols) : new ProgressLines(stream);
    if (outside !== undefined) this.#outside = new OutsideProgress(stream, outside);
  }

  readonly onEvent = (event: UploadEvent): void => {
    switch (event.type) {
      case 'progress':
        this.#display?.show(event);
        this.#outside?.show(fractionOf(event));
        break;
      case 'start':
        this.#started('upload', event);
        break;
      case 'start-verify':
        this.#started('verification', event);
        break;
      case 'start-download':
        this.#isDownload = true;
        this.#started('download', event);
        break;
      case 'hashing':
        this.#hashing(event);
        break;
      case 'phase':
        if (event.phase === 'checking-base') this.log('Comparing the base with the local ancestor.');
        else this.#isSending ||= event.phase === 'sending';
        break;
      case 'free-space':
        this.log(`Leaving out ${formatBytes(event.bytes)} of free space of the guest.`);
        break;
      case 'copying':
        this.#copying(event);
        break;
      case 'arm':
        this.#step(event);
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
    this.#outside?.end();
  }

  #started(what: string, { resumedFrom, checkpoint }: Started): void {
    if (resumedFrom !== undefined) this.log(`Resuming the ${what} started at ${resumedFrom} (${checkpoint}).`);
  }

  #hashing({ done, size }: Extract<UploadEvent, { type: 'hashing' }>): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastHashingLineMs < HASHING_LINE_INTERVAL_MS) return;
    this.#lastHashingLineMs = nowMs;
    const what = this.#isDownload
      ? 'All data is received. Computing the MD5 of the whole VHD'
      : this.#isSending
        ? 'All data is sent. Computing the MD5 of the whole VHD'
        : 'Computing the MD5 of the ancestor';
    this.log(`${what}: ${Math.floor((done / size) * 100)}%.`);
  }

  #copying({ done, size }: Extract<UploadEvent, { type: 'copying' }>): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastCopyingLineMs < COPYING_LINE_INTERVAL_MS) return;
    this.#lastCopyingLineMs = nowMs;
    this.log(`Azure copies the base: ${Math.floor((done / size) * 100)}%.`);
  }

  #step({ step, state, elapsedMs }: Extract<UploadEvent, { type: 'arm' }>): void {
    const nowMs = performance.now();
    const isDue = nowMs - this.#lastStepLineMs >= STEP_LINE_INTERVAL_MS;
    const isLong = elapsedMs >= STEP_LINE_INTERVAL_MS;
    const isShown = state === 'started' || (state === 'waiting' && isDue) || (state === 'succeeded' && isLong);
    // The end of the program reports a failure.
    if (!this.#options.progress || !isShown) return;
    this.#lastStepLineMs = nowMs;
    const time = formatSeconds(elapsedMs / 1000);
    const texts = { started: ' ...', waiting: `: not finished after ${time}`, succeeded: `: finished after ${time}` };
    this.log(`${step}${texts[state]}`);
  }

  #retry({ reason, message, attempt, delayMs }: Extract<UploadEvent, { type: 'retry' }>): void {
    const last = this.#lastRetryLineMs.get(reason);
    const nowMs = performance.now();
    if (!this.#options.verbose && last !== undefined && nowMs - last < RETRY_LINE_INTERVAL_MS) return;
    this.#lastRetryLineMs.set(reason, nowMs);
    this.log(`${message} Retrying in ${(delayMs / 1000).toFixed(1)} s (attempt ${attempt + 1}).`);
  }
}
