// moveDisk: plans a transfer, moves the data and reports progress, for every command that moves a disk.
import type { LimitFunction } from 'p-limit';
import type { ByteRange, FilePiece } from '../base/byte-range.ts';
import { LinkedAbort } from '../base/linked-abort.ts';
import type { PageRun } from '../base/page-run.ts';
import type { EventListener } from '../events.ts';
import { DiskMap } from './disk-map.ts';
import { type PlanSource, planTotals, planWindows, type Window, windowsLeft } from './plan.ts';
import { Progress } from './progress.ts';
import { type Piece, type SplitWindow, type TransferTarget, transfer } from './transfer.ts';
import { WindowMemory } from './window-memory.ts';

/** A disk to move. */
export interface TransferSource extends PlanSource {
  /** Fills `into` with the bytes of the window. @param signal - Aborts when the transfer stops. */
  read(window: Window, into: Uint8Array, signal: AbortSignal): Promise<void>;
  /** The place in a file that contains exactly the bytes of `range`, if known. A worker thread reads them from there. */
  locate?(range: ByteRange): Promise<FilePiece | undefined>;
}

export interface MoveDiskOptions {
  readonly source: TransferSource;
  readonly target: TransferTarget;
  /** Limits the runs in flight. */
  readonly limit: LimitFunction;
  /** The maximum number of windows of 4 MiB in memory. */
  readonly maxWindows: number;
  /** Where reading takes long, see `TransferOptions`. */
  readonly pace?: { readonly concurrency: number };
  /** Whether the target uses the checksums of runs. @default true */
  readonly checksums?: boolean;
  readonly signal: AbortSignal;
  readonly emit: EventListener;
  /** Holds the windows and computes checksums. @default its own memory, without checksums */
  readonly memory?: WindowMemory;
  /** The progress so far, which this call updates. @default nothing done */
  readonly progress?: Progress;
  /** Sees each window, in ascending order, before it is moved, and yields it. @default none */
  readonly alongside?: (windows: AsyncGenerator<Window>) => AsyncGenerator<Window>;
  /** Ranges of a window to send even if they are zero. @default none */
  readonly alsoSend?: (window: Window) => readonly ByteRange[];
  /** Cuts the runs of each window into pieces. @default every run is sent, unless it is already there */
  readonly split?: SplitWindow;
  /** Called for each run once the target contains it. */
  readonly onRun?: (run: PageRun) => void;
  /** Called for each finished window, before it counts as done. */
  readonly onWindow?: (window: Window, runs: readonly ByteRange[], pieces: readonly Piece[]) => void;
  /** The target's counters. */
  readonly requests?: () => { readonly requests: number; readonly retries: number };
}

/**
 * Sends the remaining windows to the target. Reports totals meanwhile, and a map of the disk at the end.
 * @returns the progress, including the totals of the plan.
 * @throws the first failure; the reason of `signal`, unchanged, on abort. Nothing is in flight when it throws.
 */
export async function moveDisk(options: MoveDiskOptions): Promise<Progress> {
  const { source, emit, progress = new Progress() } = options;
  const stop = new LinkedAbort(options.signal);
  const emitProgress = () => {
    emit({
      type: 'progress',
      ...progress.totals(source.diskSize),
      ...(options.requests?.() ?? { requests: 0, retries: 0 }),
    });
  };
  const map = new DiskMap(source.diskSize, progress.doneBefore.ranges);
  // Count during the transfer: the first byte must not wait for the length of the progress bar.
  const counting = planTotals(planWindows(source), progress.doneBefore, stop.signal).then(
    (plan) => {
      progress.plan = plan;
      emitProgress();
    },
    // If the plan cannot be counted, the image cannot be moved either. Fail now, not hours later.
    (error: unknown) => stop.abort(error),
  );
  emit({ type: 'phase', phase: 'sending' });
  const remaining = windowsLeft(planWindows(source), progress.doneBefore);
  try {
    await transfer({
      windows: options.alongside?.(remaining) ?? remaining,
      read: (window, into, reading) => source.read(window, into, reading),
      locate: (range) => source.locate?.(range),
      target: options.target,
      memory: options.memory ?? new WindowMemory('none'),
      limit: options.limit,
      maxWindows: options.maxWindows,
      signal: stop.signal,
      ...(options.pace === undefined ? {} : { pace: options.pace }),
      ...(options.checksums === undefined ? {} : { checksums: options.checksums }),
      ...(options.alsoSend === undefined ? {} : { alsoSend: options.alsoSend }),
      ...(options.split === undefined ? {} : { split: options.split }),
      onRun: (run, wasThere) => {
        options.onRun?.(run);
        if (!wasThere) progress.runSent(run.range);
        // Pieces to keep are counted with their window.
        else if (options.split === undefined) progress.runFound(run.range);
        emitProgress();
      },
      onWindow: (window, runs, pieces) => {
        options.onWindow?.(window, runs, pieces);
        progress.windowDone(window, runs, pieces);
        map.windowDone(window, runs, pieces);
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
    // Also after a failure: a report shows how far the run came.
    emit(map.event());
  }
}
