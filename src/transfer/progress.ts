// What is done so far: which parts are finished, what was sent for them, and the totals to show.
import type { ByteRange } from '../base/byte-range.ts';
import { RangeSet } from '../base/range-set.ts';
import type { ProgressTotals } from '../events.ts';
import { PageSetDigest } from './page-set-digest.ts';
import type { PlanTotals, Window } from './plan.ts';

/** What an earlier run left. */
export interface EarlierProgress {
  readonly done: readonly ByteRange[];
  /** @default nothing */
  readonly sent?: { readonly bytes: number; readonly pages: string };
}

/** The progress of one upload, over all of its runs. */
export class Progress {
  readonly done: RangeSet;
  /** What was done when this run began. */
  readonly doneBefore: RangeSet;
  /** The pages sent for the windows that are done. Windows cut short by a stop are not in it: they are sent again. */
  readonly pages: PageSetDigest;
  readonly sentBefore: number;
  /** Bytes that an earlier run sent, although no window of its checkpoint says so. */
  #foundBytes = 0;
  /** Bytes of windows done by this run. */
  windowBytes = 0;
  read = 0;
  sent = 0;
  zeros = 0;
  /** Undefined while the plan is being counted. */
  plan: PlanTotals | undefined;

  constructor(earlier?: EarlierProgress) {
    this.done = new RangeSet(earlier?.done);
    this.doneBefore = new RangeSet(earlier?.done);
    const sent = earlier?.sent;
    this.pages = sent === undefined ? new PageSetDigest() : PageSetDigest.from(sent.pages, sent.bytes);
    this.sentBefore = this.pages.bytes;
  }

  runSent({ length }: ByteRange): void {
    this.sent += length;
  }

  /** The target held it already. */
  runFound({ length }: ByteRange): void {
    this.#foundBytes += length;
  }

  windowDone(window: Window, runs: readonly ByteRange[]): void {
    let sent = 0;
    for (const run of runs) {
      this.pages.add(run);
      sent += run.length;
    }
    this.windowBytes += window.length;
    this.read += window.allocated;
    // Joined gaps may lie outside of what is allocated.
    this.zeros += Math.max(0, window.allocated - sent);
    this.done.add(window.covers);
  }

  /** @param diskSize - Length of the disk in bytes, as planned. */
  totals(diskSize: number): ProgressTotals {
    const { plan } = this;
    return {
      planned: plan?.planned,
      done: (plan?.done ?? 0) + this.windowBytes,
      read: this.read,
      sent: this.sent,
      sentBefore: this.sentBefore + this.#foundBytes,
      unallocated: plan === undefined ? undefined : diskSize - plan.allocated,
      zeros: this.zeros,
    };
  }
}
