// The one loop that moves data: windows in order, several at a time, each read once, scanned, sent and then reported as done.
import pLimit, { type LimitFunction } from 'p-limit';
import type { ByteRange, FilePiece } from '../base/byte-range.ts';
import { ChildAbort } from '../base/linked-abort.ts';
import type { Checksum, PageRun } from '../base/page-run.ts';
import type { Window } from './plan.ts';
import type { WindowMemory } from './window-memory.ts';
import { findRuns } from './zero-pages.ts';

/** Windows read at once: as many as Node has threads for files. A read that waits for a thread could not be cancelled. */
const READS_AT_ONCE = 4;

/** What a transfer needs of a target. */
export interface TransferTarget {
  /**
   * Writes the run. Resolves when the target has acknowledged it. Repeating it is harmless.
   * On abort it rejects soon, with the reason of the signal, and no byte is in flight any more.
   */
  write(run: PageRun, signal: AbortSignal): Promise<void>;
  /** Whether the target is known to hold these bytes, so that they need not be written. @default never */
  alreadyThere?(run: PageRun): boolean | Promise<boolean>;
}

export interface TransferOptions {
  /** Ascending. Read only as far ahead as there is room for. */
  readonly windows: AsyncIterable<Window>;
  /** Fills `into` with the bytes of `range`. */
  readonly read: (range: ByteRange, into: Uint8Array) => Promise<void>;
  /** The place in a file where the range is stored unchanged, if known. @default none */
  readonly locate?: (range: ByteRange) => Promise<FilePiece | undefined> | undefined;
  /** Receives the runs, and retries by itself. */
  readonly target: TransferTarget;
  /** Holds the windows and computes the checksums of their runs. */
  readonly memory: WindowMemory;
  /** Runs in flight at once: its `concurrency` may change on the way. */
  readonly limit: LimitFunction;
  /** Windows in memory at once, one that is read ahead included. Memory is bounded by this times 4 MiB. */
  readonly maxWindows: number;
  readonly signal: AbortSignal;
  /** Called after each run that the target acknowledged, or was known to hold. */
  readonly onRun: (run: PageRun, wasThere: boolean) => void;
  /** Called once every run of the window was acknowledged. `runs` is empty when the window is all zero. */
  readonly onWindow: (window: Window, runs: readonly ByteRange[]) => void;
}

/**
 * Moves all windows. Returns, or throws, only when nothing is in flight any more.
 * @throws the first failure of a read or a write; on abort the reason of `signal`, unchanged.
 */
export async function transfer(options: TransferOptions): Promise<void> {
  const stop = new ChildAbort(options.signal);
  const reading = pLimit(READS_AT_ONCE);
  const running = new Set<Promise<void>>();
  try {
    for await (const window of options.windows) {
      if (stop.signal.aborted) break;
      const task: Promise<void> = moveWindow(window, options, reading, stop)
        .catch((error: unknown) => stop.abort(error))
        .finally(() => running.delete(task));
      running.add(task);
      // One window is read ahead, so that a request that ends finds the next one ready; the plan is not walked further.
      while (running.size >= Math.min(options.limit.concurrency + 1, options.maxWindows)) await Promise.race(running);
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
  stop: ChildAbort,
): Promise<void> {
  const { memory, target, limit, onRun, onWindow } = options;
  const buffer = memory.take();
  const bytes = buffer.subarray(0, window.length);
  // After an abort, waiting windows are not read.
  const whole = await reading(() => (stop.signal.aborted ? undefined : readWindow(window, bytes, options)));
  if (stop.signal.aborted) return;
  const runs = findRuns(bytes).map((run) => ({ offset: window.offset + run.offset, length: run.length }));
  let acknowledged = 0;
  const send = async (range: ByteRange) => {
    const start = range.offset - window.offset;
    const runBytes = bytes.subarray(start, start + range.length);
    // Before the run takes its turn: the connection must not wait for a checksum.
    const checksum = range.length === window.length && whole !== undefined ? whole : await memory.checksum(runBytes);
    const run = { range, bytes: runBytes, checksum };
    await limit(async () => {
      if (stop.signal.aborted) return;
      try {
        const isThere = (await target.alreadyThere?.(run)) === true;
        if (!isThere) await target.write(run, stop.signal);
        acknowledged += 1;
        onRun(run, isThere);
      } catch (error) {
        // Inside the limit: the slot that becomes free must not start another request.
        stop.abort(error);
      }
    });
  };
  // The other runs of the window end first.
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
): Promise<Checksum | undefined> {
  const piece = memory.algorithm === 'none' ? undefined : await locate?.(window);
  const done = piece === undefined ? undefined : await memory.read(piece, bytes);
  if (done === undefined) await read(window, bytes);
  return done?.checksum;
}
