// The text of progress, for the bar and for plain lines.
import type { TransferTotals } from '../../events.ts';
import { formatBytes, formatRate, formatSeconds } from '../screens/units.ts';
import { Rate } from './rate.ts';

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
  /** Of bytes done, for the remaining time. */
  readonly #done = new Rate();
  /** Of bytes sent, for the speed of the connection. */
  readonly #sent = new Rate();

  describe(totals: TransferTotals): ProgressText {
    const { planned, done, sent, zeros, unallocated, retries } = totals;
    // While `planned` is unknown, `done` excludes earlier runs. Their bytes are not speed, and would shorten the remaining time.
    if (planned !== undefined) this.#done.add(done);
    this.#sent.add(sent);
    const doneRate = this.#done.perSecond(done);
    const sentRate = this.#sent.perSecond(sent);
    const fraction = planned === undefined ? undefined : planned === 0 ? 1 : Math.min(1, done / planned);
    const left = (planned ?? 0) - done;
    return {
      fraction,
      percent:
        fraction === undefined
          ? '  ?%'
          : `${Math.floor(fraction * 100)
              .toString()
              .padStart(3)}%`,
      amount: planned === undefined ? formatBytes(done) : `${formatBytes(done)} of ${formatBytes(planned)}`,
      rate: sentRate === undefined ? '-' : formatRate(sentRate),
      eta: planned === undefined || !doneRate ? '-:--' : formatSeconds(left / doneRate),
      skipped: formatBytes(zeros + (unallocated ?? 0)),
      retries: retries === 0 ? '' : `${retries} ${retries === 1 ? 'retry' : 'retries'}`,
    };
  }
}
