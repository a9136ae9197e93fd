// The text of progress, for the bar and for plain lines.
import type { TransferTotals } from '../../events.ts';
import { formatBytes, formatRate, formatSeconds } from '../screens/units.ts';
import { ProgressMeter } from './progress-numbers.ts';

export interface ProgressText {
  /** 0 to 1; undefined while the total is unknown. */
  readonly fraction: number | undefined;
  readonly percent: string;
  /** "1.2 GiB of 3.5 GiB" */
  readonly amount: string;
  readonly rate: string;
  readonly eta: string;
  readonly skipped: string;
  /** Empty if there were none. */
  readonly retries: string;
}

/** Keeps the samples for the rate and the remaining time. */
export class ProgressTexts {
  readonly #meter = new ProgressMeter();

  describe(totals: TransferTotals): ProgressText {
    const { planned, done, zeros, unallocated, retries } = totals;
    const { fraction, bytesPerSecond, etaSeconds } = this.#meter.measure(totals);
    return {
      fraction,
      percent:
        fraction === undefined
          ? '  ?%'
          : `${Math.floor(fraction * 100)
              .toString()
              .padStart(3)}%`,
      amount: planned === undefined ? formatBytes(done) : `${formatBytes(done)} of ${formatBytes(planned)}`,
      rate: bytesPerSecond === undefined ? '-' : formatRate(bytesPerSecond),
      eta: etaSeconds === undefined ? '-:--' : formatSeconds(etaSeconds),
      skipped: formatBytes(zeros + (unallocated ?? 0)),
      retries: retries === 0 ? '' : `${retries} ${retries === 1 ? 'retry' : 'retries'}`,
    };
  }
}
