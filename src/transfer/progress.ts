// The progress of a transfer: the finished ranges, the pages sent for them, and the totals to report.
import type { ByteRange } from '../base/byte-range.ts';
import { RangeSet } from '../base/range-set.ts';
import type { ProgressTotals } from '../events.ts';
import { PageSetDigest } from './page-set-digest.ts';
import type { PlanTotals, Window } from './plan.ts';
import type { Piece } from './transfer.ts';

/** The progress of earlier runs. */
export interface EarlierProgress {
  readonly done: readonly ByteRange[];
  /** @default nothing */
  readonly sent?: { readonly bytes: number; readonly pages: string };
  /** Only for an upload onto the copy of a base. */
  readonly base?: { readonly kept: number; readonly cleared: number };
}

/** The progress of one upload, across all of its runs. */
export class Progress {
  readonly done: RangeSet;
  /** The ranges that were done before this run. */
  readonly doneBefore: RangeSet;
  /** The pages sent for finished windows. Excludes windows that a stop interrupted: they are sent again. */
  readonly pages: PageSetDigest;
  readonly sentBefore: number;
  /** Bytes that the target already contained, although they are not in the checkpoint. */
  #foundBytes = 0;
  /** Bytes of the windows that this run finished. */
  windowBytes = 0;
  read = 0;
  sent = 0;
  zeros = 0;
  /** In the finished windows of all runs; undefined unless the target starts as a copy. */
  readonly base: { kept: number; cleared: number } | undefined;
  /** Undefined until the plan is counted. */
  plan: PlanTotals | undefined;

  constructor(earlier?: EarlierProgress) {
    this.done = new RangeSet(earlier?.done);
    this.doneBefore = new RangeSet(earlier?.done);
    const sent = earlier?.sent;
    this.pages = sent === undefined ? new PageSetDigest() : PageSetDigest.from(sent.pages, sent.bytes);
    const base = earlier?.base;
    this.base = base === undefined ? undefined : { kept: base.kept, cleared: base.cleared };
    this.sentBefore = this.pages.bytes - (base?.kept ?? 0);
  }

  runSent({ length }: ByteRange): void {
    this.sent += length;
  }

  /** The target already contained the run. */
  runFound({ length }: ByteRange): void {
    this.#foundBytes += length;
  }

  windowDone(window: Window, runs: readonly ByteRange[], pieces: readonly Piece[] = []): void {
    let sent = 0;
    for (const run of runs) {
      this.pages.add(run);
      sent += run.length;
    }
    // Windows in which the image cannot hold data are not part of the plan.
    if (window.allocated > 0) this.windowBytes += window.length;
    this.read += window.allocated;
    // Joined gaps may be outside of the allocated ranges.
    this.zeros += Math.max(0, window.allocated - sent);
    this.done.add(window.covers);
    if (this.base === undefined) return;
    for (const { fate, length } of pieces) {
      if (fate === 'keep') this.base.kept += length;
      else if (fate === 'clear') this.base.cleared += length;
    }
  }

  /** @param diskSize - Length of the planned disk in bytes. */
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
      ...(this.base === undefined ? {} : { copied: this.base.kept, cleared: this.base.cleared }),
    };
  }
}
