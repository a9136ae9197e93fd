// The numbers that progress events do not carry, because they need a clock: share, rate and remaining time.
import type { TransferTotals } from '../../events.ts';
import { Rate } from './rate.ts';

export interface ProgressNumbers {
  /** 0 to 1; undefined while the total is unknown. */
  readonly fraction: number | undefined;
  /** Bytes sent or received per second, over the last 15 seconds; undefined in the first half second. */
  readonly bytesPerSecond: number | undefined;
  /** Undefined while the total or the rate is unknown, or nothing moves. */
  readonly etaSeconds: number | undefined;
}

/** Keeps the samples for the rate and the remaining time. */
export class ProgressMeter {
  /** Of bytes done, for the remaining time. */
  readonly #done = new Rate();
  /** Of bytes sent, for the speed of the connection. */
  readonly #sent = new Rate();

  measure({ planned, done, sent }: TransferTotals): ProgressNumbers {
    // While `planned` is unknown, `done` excludes earlier runs. Their bytes are not speed, and would shorten the remaining time.
    if (planned !== undefined) this.#done.add(done);
    this.#sent.add(sent);
    const doneRate = this.#done.perSecond(done);
    return {
      fraction: fractionOf({ planned, done }),
      bytesPerSecond: this.#sent.perSecond(sent),
      etaSeconds: planned === undefined || !doneRate ? undefined : Math.max(0, (planned - done) / doneRate),
    };
  }
}

/** 0 to 1; undefined while the total is unknown. */
export function fractionOf({ planned, done }: Pick<TransferTotals, 'planned' | 'done'>): number | undefined {
  return planned === undefined ? undefined : planned === 0 ? 1 : Math.min(1, done / planned);
}
