// moveDisk: what every command does that moves a disk: plan, transfer, count, report.
import type { LimitFunction } from 'p-limit';
import type { ByteRange, FilePiece } from '../base/byte-range.ts';
import { ChildAbort } from '../base/linked-abort.ts';
import type { PageRun } from '../base/page-run.ts';
import type { EventListener } from '../events.ts';
import { type PlanSource, planTotals, planWindows, type Window, windowsLeft } from './plan.ts';
import { Progress } from './progress.ts';
import { type TransferTarget, transfer } from './transfer.ts';
import { WindowMemory } from './window-memory.ts';

/** A disk to move. */
export interface TransferSource extends PlanSource {
  /** Fills `into` with the bytes of `range`. */
  read(range: ByteRange, into: Uint8Array): Promise<void>;
  /** Where the bytes of `range` lie in a file as they are, if that is known: another thread reads them there. */
  locate?(range: ByteRange): Promise<FilePiece | undefined>;
}

export interface MoveDiskOptions {
  readonly source: TransferSource;
  readonly target: TransferTarget;
  /** Runs in flight at once. */
  readonly limit: LimitFunction;
  /** Windows of 4 MiB in memory at once. */
  readonly maxWindows: number;
  readonly signal: AbortSignal;
  readonly emit: EventListener;
  /** Where the windows are, and what computes checksums. @default memory of its own, and no checksums */
  readonly memory?: WindowMemory;
  /** What is done already, and where to keep what gets done. @default nothing */
  readonly progress?: Progress;
  /** Passes the windows on, ascending, and may look at each before it is moved. @default nothing does */
  readonly alongside?: (windows: AsyncGenerator<Window>) => AsyncGenerator<Window>;
  /** Called for each run that the target holds now. */
  readonly onRun?: (run: PageRun) => void;
  /** Called for each window that is done, before it counts as such. */
  readonly onWindow?: (window: Window, runs: readonly ByteRange[]) => void;
  /** What the target counts. */
  readonly requests?: () => { readonly requests: number; readonly retries: number };
}

/**
 * Sends every window that is left to the target, and reports totals on the way.
 * @returns the progress, with the plan counted.
 * @throws the first failure; the reason of `signal`, unchanged, on abort. Nothing is in flight any more then.
 */
export async function moveDisk(options: MoveDiskOptions): Promise<Progress> {
  const { source, emit, progress = new Progress() } = options;
  const stop = new ChildAbort(options.signal);
  const emitProgress = () => {
    emit({
      type: 'progress',
      ...progress.totals(source.diskSize),
      ...(options.requests?.() ?? { requests: 0, retries: 0 }),
    });
  };
  // Beside the transfer: the first byte does not wait for the length of the progress bar.
  const counting = planTotals(planWindows(source), progress.doneBefore, stop.signal).then(
    (plan) => {
      progress.plan = plan;
      emitProgress();
    },
    // An image whose plan cannot be counted cannot be moved either: no need to find out hours later.
    (error: unknown) => stop.abort(error),
  );
  emit({ type: 'phase', phase: 'sending' });
  const left = windowsLeft(planWindows(source), progress.doneBefore);
  try {
    await transfer({
      windows: options.alongside?.(left) ?? left,
      read: (range, into) => source.read(range, into),
      locate: (range) => source.locate?.(range),
      target: options.target,
      memory: options.memory ?? new WindowMemory('none'),
      limit: options.limit,
      maxWindows: options.maxWindows,
      signal: stop.signal,
      onRun: (run, wasThere) => {
        options.onRun?.(run);
        if (wasThere) progress.runFound(run.range);
        else progress.runSent(run.range);
        emitProgress();
      },
      onWindow: (window, runs) => {
        options.onWindow?.(window, runs);
        progress.windowDone(window, runs);
        emitProgress();
      },
    });
    await counting;
    stop.signal.throwIfAborted();
    return progress;
  } finally {
    stop.abort(new Error('The transfer is over.'));
    stop.unlink();
    await counting;
  }
}
