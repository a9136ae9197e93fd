// Spreads requests over time, to stay below the user's rate limit and below the rate at which the service answers 503.
import { setTimeout as delay } from 'node:timers/promises';
import { RateClock, type RateLimit } from '../base/rate-timetable.ts';
import { REQUEST_COST } from './request-cost.ts';

/** Admits `rate` units per second, first come, first served. Unused units do not accumulate. */
export class Pacer {
  /** Units per second. May change at any time. */
  rate: number;
  #freeAtMs = 0;

  constructor(rate: number) {
    this.rate = rate;
  }

  /** Resolves when it is the caller's turn. @throws the reason of `signal` on abort. */
  async pass(units: number, signal: AbortSignal): Promise<void> {
    if (this.rate === Number.POSITIVE_INFINITY) return;
    const nowMs = performance.now();
    const turnMs = Math.max(this.#freeAtMs, nowMs);
    this.#freeAtMs = turnMs + (units * 1000) / this.rate;
    if (turnMs - nowMs < 1) return;
    await delay(turnMs - nowMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** The clocks of a pacer, in milliseconds. Tests replace them. */
export interface PacerClocks {
  /** Steady: it does not jump when the time of day is set. */
  readonly steady: () => number;
  /** Time of day, since 1970. */
  readonly wall: () => number;
}

const CLOCKS: PacerClocks = { steady: () => performance.now(), wall: () => Date.now() };

/** Admits bytes at a rate that may follow a timetable, first come, first served. Unused bytes do not accumulate. */
export class TimedPacer {
  readonly #clock: RateClock;
  readonly #clocks: PacerClocks;
  readonly #onRate: (bytesPerSecond: number) => void;
  #rate: number | undefined;
  #freeAtMs = 0;

  /** @param onRate - Called when the timetable has changed the rate. */
  constructor(
    limit: RateLimit,
    onRate: (bytesPerSecond: number) => void = () => undefined,
    clocks: PacerClocks = CLOCKS,
  ) {
    this.#clock = new RateClock(limit);
    this.#onRate = onRate;
    this.#clocks = clocks;
  }

  /** Resolves when it is the caller's turn. @throws the reason of `signal` on abort. */
  async pass(bytes: number, signal: AbortSignal): Promise<void> {
    const waitMs = this.turnOf(bytes);
    if (waitMs < 1) return;
    await delay(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }

  /** Takes the next turn. @returns how long to wait for it, in milliseconds. The timetable is known, so also a change meanwhile is. */
  turnOf(bytes: number): number {
    const nowMs = this.#clocks.steady();
    const wallMs = this.#clocks.wall();
    this.#report(this.#clock.rateAt(wallMs));
    const turnMs = Math.max(this.#freeAtMs, nowMs);
    // The timetable is for the time of day, the queue for the steady clock.
    const offsetMs = wallMs - nowMs;
    this.#freeAtMs = this.#clock.endOf(bytes, turnMs + offsetMs) - offsetMs;
    return turnMs - nowMs;
  }

  #report(rate: number): void {
    if (this.#rate !== undefined && this.#rate !== rate) this.#onRate(rate);
    this.#rate = rate;
  }
}

/** The time over which the service's rate is measured, in milliseconds. */
const SPAN_MS = 1_000;
/** After a 503, the new rate is this fraction of the rate that the service acknowledged. */
const BACK_OFF = 0.97;
/** The growth of the rate per second without a 503: slow near the limit, fast far below it. */
const PROBE_GROWTH = 0.01;
const MAX_PROBE = 0.1;

/** Keeps the rate just below the point where the service answers 503 ServerBusy. Unlimited until the first such answer. */
export class ServicePacer {
  readonly #pacer = new Pacer(Number.POSITIVE_INFINITY);
  #acknowledged: { readonly timeMs: number; readonly cost: number }[] = [];
  #loweredMs = Number.NEGATIVE_INFINITY;
  #probedMs = 0;

  /** Waits until `bytes` may be sent. @throws the reason of `signal` on abort. */
  pass(bytes: number, signal: AbortSignal): Promise<void> {
    this.#probe(performance.now());
    return this.#pacer.pass(bytes + REQUEST_COST, signal);
  }

  acknowledged(bytes: number): void {
    const timeMs = performance.now();
    this.#acknowledged.push({ timeMs, cost: bytes + REQUEST_COST });
    if (this.#acknowledged.length > 4096) this.#forgetBefore(timeMs - SPAN_MS);
  }

  /** The service answered that it is too busy. */
  busy(): void {
    const nowMs = performance.now();
    this.#forgetBefore(nowMs - SPAN_MS);
    const spanMs = nowMs - (this.#acknowledged[0]?.timeMs ?? nowMs);
    // The service rejects a burst all at once. Measure the rate again before lowering it again.
    if (nowMs - this.#loweredMs < SPAN_MS || spanMs < SPAN_MS / 3) return;
    const cost = this.#acknowledged.reduce((sum, entry) => sum + entry.cost, 0);
    this.#pacer.rate = Math.min(this.#pacer.rate, (cost * 1000) / spanMs) * BACK_OFF;
    this.#loweredMs = nowMs;
    this.#probedMs = nowMs;
  }

  #probe(nowMs: number): void {
    const seconds = (nowMs - this.#probedMs) / 1000;
    if (this.#pacer.rate === Number.POSITIVE_INFINITY || seconds < 1) return;
    const growth = Math.min(MAX_PROBE, (PROBE_GROWTH * (nowMs - this.#loweredMs)) / 1000);
    this.#pacer.rate *= 1 + growth * Math.min(seconds, 2);
    this.#probedMs = nowMs;
  }

  #forgetBefore(timeMs: number): void {
    this.#acknowledged = this.#acknowledged.filter((entry) => entry.timeMs >= timeMs);
  }
}
