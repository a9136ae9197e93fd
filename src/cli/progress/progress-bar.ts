// Progress on a terminal: one line that is redrawn and fits the width.
import cliProgress from 'cli-progress';
import type { TransferTotals } from '../../events.ts';
import type { Symbols } from '../screens/symbols.ts';
import { piecesOf, textWidth } from '../screens/text-width.ts';
import type { ProgressDisplay } from './progress-display.ts';
import { ProgressTexts } from './progress-text.ts';

const MIN_BAR = 10;
const MAX_BAR = 40;

export class ProgressBar implements ProgressDisplay {
  readonly #stream: NodeJS.WriteStream;
  readonly #symbols: Symbols;
  readonly #texts = new ProgressTexts();
  readonly #bar: cliProgress.SingleBar;
  #totals: TransferTotals | undefined;

  constructor(stream: NodeJS.WriteStream, symbols: Symbols) {
    this.#stream = stream;
    this.#symbols = symbols;
    this.#bar = new cliProgress.SingleBar({
      stream,
      format: () => this.#line(),
      hideCursor: true,
      clearOnComplete: false,
      fps: 5,
      // Erases the rest of a longer line when the terminal shrinks.
      forceRedraw: true,
      gracefulExit: false,
    });
  }

  show(totals: TransferTotals): void {
    const first = this.#totals === undefined;
    this.#totals = totals;
    if (first) this.#bar.start(1, 0);
  }

  log(line: string): void {
    if (!this.#bar.isActive) {
      this.#stream.write(`${line}\n`);
      return;
    }
    // Clears the bar and draws it again below the line. When it stops, cli-progress returns to the cursor position that it
    // saved at its start (ESC 7). That position has moved, so it is saved again.
    this.#stream.write(`\r\u001b[K${line}\n\u001b7`);
    this.#bar.render();
  }

  stop(): void {
    if (!this.#bar.isActive) return;
    this.#bar.render();
    this.#bar.stop();
  }

  #line(): string {
    if (this.#totals === undefined) return '';
    const text = this.#texts.describe(this.#totals);
    // A terminal that does not know its width reports 0.
    const width = (this.#stream.columns || 80) - 1;
    const parts = [text.amount, text.rate, `ETA ${text.eta}`, `skipped ${text.skipped}`, text.retries];
    // A narrow terminal shows fewer parts.
    for (let count = parts.length; count > 0; count--) {
      const tail = parts
        .slice(0, count)
        .filter((part) => part !== '')
        .join('  ');
      const room = width - textWidth(text.percent) - textWidth(tail) - 4;
      if (room >= MIN_BAR || count === 1) {
        const size = Math.max(0, Math.min(MAX_BAR, room));
        const filled = Math.round(size * (text.fraction ?? 0));
        const { done, left } = this.#symbols;
        const line = `${text.percent} ${done.repeat(filled)}${left.repeat(size - filled)}  ${tail}`;
        return (width > 0 ? piecesOf(line, width)[0] : undefined) ?? '';
      }
    }
    return text.percent;
  }
}
