// The words of progress: shared by the bar and the plain lines.
import type { TransferTotals } from '../../events.ts';
import { formatBytes, formatRate, formatSeconds } from '../screens/units.ts';
import { Rate } from './rate.ts';

export interface ProgressText {
  /** 0 to 1; undefined while the length is not known. */
  readonly fraction: number | undefined;
  readonly percent: string;
  /** "1.2 GiB of 3.5 GiB" */
  readonly amount: string;
  readonly rate: string;
  readonly eta: string;
  readonly skipped: string;
  /** Empty when there were none. */
  readonly retries: string;
}

/** Keeps what is needed to tell a rate and a remaining time. */
export class ProgressTexts {
  /** Of what is done: it tells when the end is reached. */
  readonly #done = new Rate();
  /** Of what is sent: it tells how fast the line is. */
  readonly #sent = new Rate();

  describe(totals: TransferTotals): ProgressText {
    const { planned, done, sent, zeros, unallocated, retries } = totals;
    // Before that, `done` is without what earlier runs did: counting it as speed would promise an early end.
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
