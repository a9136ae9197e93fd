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
  /** Clears the pages of the range. Needed only for pieces to clear. */
  clear?(range: ByteRange, signal: AbortSignal): Promise<void>;
}

/**
 * A part of a window. `send`: write it. `keep`: the target already contains it. `clear`: the target lists its pages, but the source
 * has no data there.
 */
export interface Piece extends ByteRange {
  readonly fate: 'send' | 'keep' | 'clear';
}

/**
 * Cuts the runs of a window into pieces. The pieces to send and to keep cover exactly the runs, and those to clear lie outside.
 * @param bytes - The bytes of the window.
 */
export type SplitWindow = (window: Window, bytes: Uint8Array, runs: readonly ByteRange[]) => Promise<readonly Piece[]>;

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
  /** @default every run is sent, unless it is already there */
  readonly split?: SplitWindow;
  /** Called after each run that the target acknowledged or already contained. */
  readonly onRun: (run: PageRun, wasThere: boolean) => void;
  /** Called when every piece of the window is acknowledged. `runs` is empty if the window is all zeros. */
  readonly onWindow: (window: Window, runs: readonly ByteRange[], pieces: readonly Piece[]) => void;
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
  const pieces = (await options.split?.(window, bytes, runs)) ?? runs.map((run): Piece => ({ ...run, fate: 'send' }));
  if (stop.signal.aborted) return;
  let acknowledged = 0;
  const settle = (action: () => Promise<void>) =>
    limit(async () => {
      if (stop.signal.aborted) return;
      try {
        await action();
        acknowledged += 1;
      } catch (error) {
        // Abort inside the limit: the free slot must not start another request.
        stop.abort(error);
      }
    });
  const move = async ({ fate, offset, length }: Piece) => {
    const range = { offset, length };
    if (fate === 'clear') return await settle(async () => await target.clear?.(range, stop.signal));
    const start = range.offset - window.offset;
    const runBytes = bytes.subarray(start, start + range.length);
    // Compute the checksum before the run takes a slot: the connection must not wait for it.
    const isWhole = range.length === window.length && whole !== undefined;
    const isUnused = options.checksums === false;
    const checksum = isWhole ? whole : isUnused ? undefined : await memory.checksum(runBytes);
    const run = { range, bytes: runBytes, checksum };
    await settle(async () => {
      const isThere = fate === 'keep' || (await target.alreadyThere?.(run)) === true;
      if (!isThere) await target.write(run, stop.signal);
      onRun(run, isThere);
    });
  };
  // Wait for all pieces of the window, even if one fails.
  await Promise.all(pieces.map((piece) => move(piece).catch((error: unknown) => stop.abort(error))));
  if (acknowledged === pieces.length) onWindow(window, runs, pieces);
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
