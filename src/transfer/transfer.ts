// The loop that moves data: reads windows in order, several at a time, finds their data, sends it and reports them as done.
import pLimit, { type LimitFunction } from 'p-limit';
import type { ByteRange, FilePiece } from '../base/byte-range.ts';
import { LinkedAbort } from '../base/linked-abort.ts';
import type { Checksum, PageRun } from '../base/page-run.ts';
import { subtractRanges } from '../base/range-list.ts';
import type { Window } from './plan.ts';
import type { WindowMemory } from './window-memory.ts';
import { findRuns } from './zero-pages.ts';

/** Parallel reads: as many as Node.js has threads for files. A read that waits for a thread could not be cancelled. */
const READS_AT_ONCE = 4;

/** What a transfer needs of a target. */
export interface TransferTarget {
  /**
   * Writes the run. Resolves when the target has acknowledged it. Must be idempotent.
   * On abort, rejects soon with the reason of the signal, when no byte is in flight.
   */
  write(run: PageRun, signal: AbortSignal): Promise<void>;
  /** Whether the target is known to contain these bytes, so that they need not be written. @default never */
  alreadyThere?(run: PageRun): boolean | Promise<boolean>;
}

export interface TransferOptions {
  /** In ascending order. Read ahead only as far as memory allows. */
  readonly windows: AsyncIterable<Window>;
  /** Fills `into` with the bytes of the window. @param signal - Aborts when the transfer stops, for a source that takes long. */
  readonly read: (window: Window, into: Uint8Array, signal: AbortSignal) => Promise<void>;
  /** The place in a file where the range is stored unchanged, if known. @default none */
  readonly locate?: (range: ByteRange) => Promise<FilePiece | undefined> | undefined;
  /** Receives the runs. Handles retries itself. */
  readonly target: TransferTarget;
  /** Holds the windows and computes the checksums of their runs. */
  readonly memory: WindowMemory;
  /** Limits the runs in flight. Its `concurrency` may change during the transfer. */
  readonly limit: LimitFunction;
  /**
   * Where reading takes long: as many windows are read as its `concurrency` allows, which may change.
   * @default four are read at once, ahead of `limit`
   */
  readonly pace?: { readonly concurrency: number };
  /** Whether the target uses the checksums of runs. @default true */
  readonly checksums?: boolean;
  /** The maximum number of windows in memory, including one that is read ahead. Each takes 4 MiB. */
  readonly maxWindows: number;
  readonly signal: AbortSignal;
  /** Ranges of a window to send even if they are zero: the target may hold other bytes there. @default none */
  readonly alsoSend?: (window: Window) => readonly ByteRange[];
  /** Called after each run that the target acknowledged or already contained. */
  readonly onRun: (run: PageRun, wasThere: boolean) => void;
  /** Called when every run of the window is acknowledged. `runs` is empty if the window is all zeros. */
  readonly onWindow: (window: Window, runs: readonly ByteRange[]) => void;
}

/**
 * Moves all windows. Settles only when nothing is in flight.
 * @throws the first failure of a read or a write; on abort the reason of `signal`, unchanged.
 */
export async function transfer(options: TransferOptions): Promise<void> {
  const stop = new LinkedAbort(options.signal);
  const reading = pLimit(options.pace === undefined ? READS_AT_ONCE : options.maxWindows);
  const pace = options.pace ?? options.limit;
  const running = new Set<Promise<void>>();
  try {
    for await (const window of options.windows) {
      if (stop.signal.aborted) break;
      const task: Promise<void> = moveWindow(window, options, reading, stop)
        .catch((error: unknown) => stop.abort(error))
        .finally(() => running.delete(task));
      running.add(task);
      // Read one window ahead, so that the next request can start at once, but walk the plan no further.
      while (running.size >= Math.min(pace.concurrency + 1, options.maxWindows)) await Promise.race(running);
    }
  } catch (error) {
    stop.abort(error);
  } finally {
    await Promise.all(running);
    stop.unlink();
  }
  stop.signal.throwIfAborted();
}

async function moveWindow(
  window: Window,
  options: TransferOptions,
  reading: LimitFunction,
  stop: LinkedAbort,
): Promise<void> {
  const { memory, target, limit, onRun, onWindow } = options;
  const buffer = memory.take();
  const bytes = buffer.subarray(0, window.length);
  // Do not read waiting windows after an abort.
  const whole = await reading(() => (stop.signal.aborted ? undefined : readWindow(window, bytes, options, stop)));
  if (stop.signal.aborted) return;
  const data = findRuns(bytes).map((run) => ({ offset: window.offset + run.offset, length: run.length }));
  const runs = [...data, ...subtractRanges(options.alsoSend?.(window) ?? [], data)];
  let acknowledged = 0;
  const send = async (range: ByteRange) => {
    const start = range.offset - window.offset;
    const runBytes = bytes.subarray(start, start + range.length);
    // Compute the checksum before the run takes a slot: the connection must not wait for it.
    const isWhole = range.length === window.length && whole !== undefined;
    const isUnused = options.checksums === false;
    const checksum = isWhole ? whole : isUnused ? undefined : await memory.checksum(runBytes);
    const run = { range, bytes: runBytes, checksum };
    await limit(async () => {
      if (stop.signal.aborted) return;
      try {
        const isThere = (await target.alreadyThere?.(run)) === true;
        if (!isThere) await target.write(run, stop.signal);
        acknowledged += 1;
        onRun(run, isThere);
      } catch (error) {
        // Abort inside the limit: the free slot must not start another request.
        stop.abort(error);
      }
    });
  };
  // Wait for all runs of the window, even if one fails.
  await Promise.all(runs.map((range) => send(range).catch((error: unknown) => stop.abort(error))));
  if (acknowledged === runs.length) onWindow(window, runs);
  memory.giveBack(buffer);
}

/**
 * Fills `bytes` with the window.
 * @returns the checksum of the whole window, if reading computed it.
 */
async function readWindow(
  window: Window,
  bytes: Uint8Array,
  { memory, locate, read }: TransferOptions,
  stop: LinkedAbort,
): Promise<Checksum | undefined> {
  const piece = memory.algorithm === 'none' ? undefined : await locate?.(window);
  const done = piece === undefined ? undefined : await memory.read(piece, bytes);
  if (done === undefined) await read(window, bytes, stop.signal);
  return done?.checksum;
}
