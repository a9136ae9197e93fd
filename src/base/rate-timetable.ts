// A limit of the rate that follows the clock of this machine, such as a low one during office hours.

/** A limit that holds from a time of the week until the next one. */
export interface RateChange {
  /** Days of the week, 0 for Sunday to 6. @default every day */
  readonly days?: readonly number[];
  /** Local time, in minutes after midnight: 0 to 1439. */
  readonly minute: number;
  /** In bytes per second; Infinity for no limit. */
  readonly rate: number;
}

/** At least one change. Before the first change of a week, the last one of the week before holds. */
export type RateTimetable = readonly RateChange[];

/** The same rate at all times, or a timetable. In bytes per second. */
export type RateLimit = number | RateTimetable;

/** A span in which the rate is the same. Times are in milliseconds since 1970. */
interface Span {
  readonly startMs: number;
  readonly endMs: number;
  readonly rate: number;
}

/** 0 is Sunday. */
export const EVERY_DAY: readonly number[] = [0, 1, 2, 3, 4, 5, 6];

/** The highest rate of the limit, for estimates. */
export function peakRate(limit: RateLimit): number {
  return typeof limit === 'number' ? limit : Math.max(...limit.map(({ rate }) => rate));
}

/** Finds the rate at a time. Local time, so daylight saving time moves the changes with it. */
export class RateClock {
  readonly #timetable: RateTimetable;
  #span: Span = { startMs: 0, endMs: 0, rate: 0 };

  constructor(limit: RateLimit) {
    this.#timetable = typeof limit === 'number' ? [] : limit;
    if (typeof limit === 'number') {
      this.#span = { startMs: Number.NEGATIVE_INFINITY, endMs: Number.POSITIVE_INFINITY, rate: limit };
    }
  }

  /** @param timeMs - Since 1970. @returns bytes per second. */
  rateAt(timeMs: number): number {
    return this.#spanAt(timeMs).rate;
  }

  /** When `units` have been admitted that start at `timeMs`, in milliseconds since 1970. */
  endOf(units: number, timeMs: number): number {
    let left = units;
    let atMs = timeMs;
    for (;;) {
      const { endMs, rate } = this.#spanAt(atMs);
      const neededMs = (left * 1000) / rate;
      if (atMs + neededMs <= endMs) return atMs + neededMs;
      left -= ((endMs - atMs) * rate) / 1000;
      atMs = endMs;
    }
  }

  #spanAt(timeMs: number): Span {
    if (timeMs < this.#span.startMs || timeMs >= this.#span.endMs) this.#span = spanAround(this.#timetable, timeMs);
    return this.#span;
  }
}

/** A week in both directions contains a change before and one after every time. */
function spanAround(timetable: RateTimetable, timeMs: number): Span {
  const now = new Date(timeMs);
  const changes = Array.from({ length: 16 }, (_, index) => index - 8).flatMap((offset) => {
    const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() + offset);
    return timetable
      .filter(({ days = EVERY_DAY }) => days.includes(day.getDay()))
      .map(({ minute, rate }) => ({
        // By the parts of the date: a day may have 23 or 25 hours.
        timeMs: new Date(day.getFullYear(), day.getMonth(), day.getDate(), 0, minute).getTime(),
        rate,
      }));
  });
  changes.sort((a, b) => a.timeMs - b.timeMs);
  const next = changes.find((change) => change.timeMs > timeMs);
  const current = changes.findLast((change) => change.timeMs <= timeMs);
  return {
    startMs: current?.timeMs ?? timeMs,
    endMs: next?.timeMs ?? Number.POSITIVE_INFINITY,
    rate: current?.rate ?? Number.POSITIVE_INFINITY,
  };
}
