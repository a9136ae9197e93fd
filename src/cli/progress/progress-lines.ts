// Progress without a terminal: one line every ten seconds, for logs.
import type { TransferTotals } from '../../events.ts';
import type { ProgressDisplay } from './progress-display.ts';
import { ProgressTexts } from './progress-text.ts';

const INTERVAL_MS = 10_000;

export class ProgressLines implements ProgressDisplay {
  readonly #stream: NodeJS.WritableStream;
  readonly #texts = new ProgressTexts();
  #lastMs = performance.now();

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  show(totals: TransferTotals): void {
    const text = this.#texts.describe(totals);
    if (performance.now() - this.#lastMs < INTERVAL_MS) return;
    this.#lastMs = performance.now();
    const parts = [text.amount, text.rate, `ETA ${text.eta}`, `skipped ${text.skipped}`, text.retries];
    this.log(`${text.percent.trim()} ${parts.filter((part) => part !== '').join(', ')}`);
  }

  log(line: string): void {
    this.#stream.write(`${line}\n`);
  }

  stop(): void {
    this.#lastMs = Number.POSITIVE_INFINITY;
  }
}
