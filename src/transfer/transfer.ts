// The loop that moves data: reads windows in order, several at a time, finds their data, sends it and reports them as done.
import type { LimitFunction } from 'p-limit';
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
  const { limit, pace, maxWindows } = options;
  const running = new Set<Promise<void>>();
  const reading = new Set<Promise<void>>();
  // Read one window ahead, so that the next request can start at once, but walk the plan no further.
  const isFull = () =>
    running.size >= Math.min((pace ?? limit).concurrency + 1, maxWindows) ||
    (pace === undefined && (reading.size >= READS_AT_ONCE || hasEnoughWaiting()));
  // Where windows hold many runs, a few windows are enough: as many runs wait as may be in flight.
  let runsOfLast = 1;
  const hasEnoughWaiting = () =>
    running.size > 0 && limit.activeCount + limit.pendingCount + reading.size * runsOfLast >= 2 * limit.concurrency;
  let onRunEnded: (() => void) | undefined;
  const runEnded = () =>
    new Promise<void>((resolve) => {
      onRunEnded = resolve;
    });
  try {
    for await (const window of options.windows) {
      if (stop.signal.aborted) break;
      const read = readWindow(window, options, stop);
      const isRead: Promise<void> = read
        .then((found) => {
          runsOfLast = Math.max(1, found?.pieces.length ?? 1);
        })
        // Moving the window reports it.
        .catch(() => undefined)
        .finally(() => reading.delete(isRead));
      reading.add(isRead);
      const isMoved: Promise<void> = read
        .then((found) => found && moveWindow(found, options, stop, () => onRunEnded?.()))
        .catch((error: unknown) => stop.abort(error))
        .finally(() => running.delete(isMoved));
      running.add(isMoved);
      while (isFull()) await Promise.race([...reading, ...running, runEnded()]);
    }
  } catch (error) {
    stop.abort(error);
  } finally {
    await Promise.all(running);
    stop.unlink();
  }
  stop.signal.throwIfAborted();
}

/** A window in memory. */
interface ReadyWindow {
  readonly window: Window;
  readonly buffer: Uint8Array;
  readonly runs: readonly ByteRange[];
  readonly pieces: readonly ReadyPiece[];
}

interface ReadyPiece {
  readonly piece: Piece;
  readonly run: PageRun;
}

/**
 * Reads the window and computes the checksums before its runs take a slot: the connection must not wait for them.
 * @returns undefined after an abort.
 */
async function readWindow(
  window: Window,
  options: TransferOptions,
  stop: LinkedAbort,
): Promise<ReadyWindow | undefined> {
  const { memory } = options;
  const buffer = memory.take();
  const bytes = buffer.subarray(0, window.length);
  const whole = await fill(window, bytes, options, stop);
  if (stop.signal.aborted) return undefined;
  const data = findRuns(bytes).map((run) => ({ offset: window.offset + run.offset, length: run.length }));
  const runs = [...data, ...subtractRanges(options.alsoSend?.(window) ?? [], data)];
  const pieces = (await options.split?.(window, bytes, runs)) ?? runs.map((run): Piece => ({ ...run, fate: 'send' }));
  const checksumOf = async ({ fate, length }: Piece, pieceBytes: Uint8Array) => {
    if (fate === 'clear' || options.checksums === false) return undefined;
    return length === window.length && whole !== undefined ? whole : await memory.checksum(pieceBytes);
  };
  const prepare = async (piece: Piece): Promise<ReadyPiece> => {
    const { offset, length } = piece;
    const start = offset - window.offset;
    const pieceBytes = bytes.subarray(start, start + length);
    const checksum = await checksumOf(piece, pieceBytes);
    return { piece, run: { range: { offset, length }, bytes: pieceBytes, checksum } };
  };
  const prepared = pieces.map(prepare);
  // Wait for all of them, even if one fails: nothing may use the memory any more.
  await Promise.allSettled(prepared);
  return { window, buffer, runs, pieces: await Promise.all(prepared) };
}

async function moveWindow(
  { window, buffer, runs, pieces }: ReadyWindow,
  { memory, target, limit, onRun, onWindow }: TransferOptions,
  stop: LinkedAbort,
  onRunEnded: () => void,
): Promise<void> {
  let acknowledged = 0;
  const move = ({ piece: { fate }, run }: ReadyPiece) =>
    limit(async () => {
      if (stop.signal.aborted) return;
      try {
        if (fate === 'clear') {
          await target.clear?.(run.range, stop.signal);
        } else {
          const isThere = fate === 'keep' || (await target.alreadyThere?.(run)) === true;
          if (!isThere) await target.write(run, stop.signal);
          onRun(run, isThere);
        }
        acknowledged += 1;
      } catch (error) {
        // Abort inside the limit: the free slot must not start another request.
        stop.abort(error);
      }
    }).finally(onRunEnded);
  await Promise.all(pieces.map(move));
  if (acknowledged === pieces.length) {
    onWindow(
      window,
      runs,
      pieces.map(({ piece }) => piece),
    );
  }
  memory.giveBack(buffer);
}

/**
 * Fills `bytes` with the window.
 * @returns the checksum of the whole window, if reading computed it.
 */
async function fill(
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
