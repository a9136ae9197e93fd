// Warns, while there is time to act, of a credential that expires before the upload ends.
import type { EventListener, TransferTotals } from '../events.ts';

/** A speed is known after so long, in milliseconds. */
const MEASURE_MS = 30_000;
/** What one standard page blob takes, in bytes per second: the estimate before a speed is known. */
const PAGE_BLOB_RATE = 60 * 1024 * 1024;

/** The last time that a Date can hold, in milliseconds since 1970. */
const MAX_TIME_MS = 8.64e15;

export interface ExpiryWatchOptions {
  readonly endsOn: () => Date | undefined;
  /** Bytes per second that are sent at most. */
  readonly maxRate: number;
  /** In milliseconds since 1970. */
  readonly now?: () => number;
}

/** Passes every event on to `emit`, and adds one warning for each credential that will end too soon. */
export function watchExpiry(emit: EventListener, options: ExpiryWatchOptions): EventListener {
  const { endsOn, now = Date.now } = options;
  const bestRate = Math.min(PAGE_BLOB_RATE, options.maxRate);
  let begin: { readonly timeMs: number; readonly done: number } | undefined;
  let warnedOfMs: number | undefined;

  const check = ({ planned, done }: TransferTotals) => {
    const endMs = endsOn()?.getTime();
    if (planned === undefined || endMs === undefined || endMs === warnedOfMs) return;
    begin ??= { timeMs: now(), done };
    const elapsedMs = now() - begin.timeMs;
    const isMeasured = elapsedMs >= MEASURE_MS && done > begin.done;
    const rate = isMeasured ? ((done - begin.done) * 1000) / elapsedMs : bestRate;
    const finishedMs = now() + ((planned - done) * 1000) / rate;
    if (finishedMs <= endMs) return;
    warnedOfMs = endMs;
    const speed = isMeasured ? 'At this speed' : `At ${(rate / 1024 / 1024).toPrecision(2)} MiB/s`;
    emit({
      type: 'warning',
      code: 'sas-ends-too-soon',
      message: `${speed} the upload takes until ${utc(finishedMs)}, but the SAS expires at ${utc(endMs)}. A new one will be needed then.`,
    });
  };
  return (event) => {
    emit(event);
    if (event.type === 'progress') check(event);
  };
}

function utc(timeMs: number): string {
  return new Date(Math.min(timeMs, MAX_TIME_MS)).toISOString().replace(/\.\d+Z$/, 'Z');
}
