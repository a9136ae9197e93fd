// The one loop that moves data: windows in order, so many at a time, each read once, scanned, sent and then reported done.
import pLimit from 'p-limit';
import type { ByteRange } from '../byte-range.ts';
import { ChildAbort } from '../child-abort.ts';
import type { PageRun, TransferTarget } from '../target.ts';
import type { ChecksumFunction } from './checksum.ts';
import { WINDOW_SIZE, type Window } from './plan.ts';
import { findRuns } from './zero-pages.ts';

export interface TransferOptions {
  /** Ascending. Read only as far ahead as there is room for. */
  readonly windows: AsyncIterable<Window>;
  /** Fills `into` with the bytes of `range`. */
  readonly read: (range: ByteRange, into: Uint8Array) => Promise<void>;
  /** Takes the runs; retries, where there are any, are its own. */
  readonly target: TransferTarget;
  readonly checksum: ChecksumFunction;
  /** Windows in flight at most. Memory is bounded by this times 4 MiB. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** Called after each run that the target acknowledged. */
  readonly onRun: (range: ByteRange) => void;
  /** Called once every run of the window was acknowledged. `runs` is empty when the window is all zero. */
  readonly onWindow: (window: Window, runs: readonly ByteRange[]) => void;
}

/**
 * Moves all windows. Returns, or throws, only when nothing is in flight any more.
 * @throws the first failure of a read or a write; on abort the reason of `signal`, unchanged.
 */
export async function transfer(options: TransferOptions): Promise<void> {
  const stop = new ChildAbort(options.signal);
  const limit = pLimit(options.concurrency);
  const buffers = new WindowBuffers();
  const running = new Set<Promise<void>>();
  try {
    for await (const window of options.windows) {
      if (stop.signal.aborted) break;
      const task: Promise<void> = limit(() => moveWindow(window, options, buffers, stop.signal))
        .catch((error: unknown) => stop.abort(error))
        .finally(() => running.delete(task));
      running.add(task);
      // One window waits behind those in flight, so that a slot that gets free finds work; the plan is not walked further.
      while (running.size > limit.concurrency) await Promise.race(running);
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
  { read, target, checksum, onRun, onWindow }: TransferOptions,
  buffers: WindowBuffers,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const buffer = buffers.take();
  try {
    const bytes = buffer.subarray(0, window.length);
    await read(window, bytes);
    const runs = findRuns(bytes).map((run) => ({ offset: window.offset + run.offset, length: run.length }));
    for (const range of runs) {
      signal.throwIfAborted();
      const start = range.offset - window.offset;
      const runBytes = bytes.subarray(start, start + range.length);
      const run: PageRun = { range, bytes: runBytes, checksum: checksum(runBytes) };
      await target.write(run, signal);
      onRun(range);
    }
    onWindow(window, runs);
  } finally {
    buffers.giveBack(buffer);
  }
}

/** Window buffers are used again and again: allocating and zeroing 4 MiB for each would cost more than reading it. */
class WindowBuffers {
  readonly #free: Uint8Array[] = [];

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(WINDOW_SIZE);
  }

  giveBack(buffer: Uint8Array): void {
    this.#free.push(buffer);
  }
}
