// Warns early if the credential will expire before the upload ends.
import { peakRate, type RateLimit } from '../base/rate-timetable.ts';
import type { EventListener, TransferTotals } from '../events.ts';

/** Milliseconds after which the measured speed is used. */
const MEASURE_MS = 30_000;
/** Throughput limit of a standard page blob in bytes per second: the estimate before the speed is measured. */
const PAGE_BLOB_RATE = 60 * 1024 * 1024;

/** The latest time that a Date can represent, in milliseconds since 1970. */
const MAX_TIME_MS = 8.64e15;

export interface ExpiryWatchOptions {
  readonly endsOn: () => Date | undefined;
  /** Upper limit of the speed. */
  readonly maxRate: RateLimit;
  /** For the message. @default 'upload' */
  readonly work?: 'upload' | 'download';
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** Forwards every event to `emit`, and adds one warning per credential that will expire too soon. */
export function watchExpiry(emit: EventListener, options: ExpiryWatchOptions): EventListener {
  const { endsOn, work = 'upload', now = Date.now } = options;
  const bestRate = Math.min(PAGE_BLOB_RATE, peakRate(options.maxRate));
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
      message: `${speed} the ${work} takes until ${utc(finishedMs)}, but the SAS expires at ${utc(endMs)}. A new SAS will be needed then.`,
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
