// Adapts the number of requests in flight to the connection and the service.
import { REQUEST_COST } from './request-cost.ts';

/** The initial number of requests. A fast connection doubles it within a second. */
const INITIAL = 4;
/** The shortest time over which a rate is measured, in milliseconds. It also spans at least two rounds of requests. */
const MIN_EPOCH_MS = 500;
/** The factor of throughput that justifies more requests in flight. */
const MIN_GAIN = 1.05;
/** The delay before the next increase, after an increase without gain or an overload, in milliseconds. */
const HOLD_MS = 15_000;
/** The target duration of a request, in milliseconds. On a slow connection, fewer requests have the same throughput and finish sooner. */
const COMFORTABLE_MS = 8_000;
/** The shortest time between two decreases, in milliseconds: requests that fail together decrease the number only once. */
const DECREASE_INTERVAL_MS = 1_000;

/**
 * Hill climbing on the bytes acknowledged per second. Increases: doubles while throughput grows, later adds an eighth; undoes a step
 * without gain. Decreases: halves when the service is overloaded or attempts time out; shrinks in proportion when requests take
 * longer than the target, unless throughput falls, which shows that the connection was not the cause.
 */
export class AdaptiveConcurrency {
  readonly #max: number;
  readonly #onChange: (concurrency: number) => void;
  #current: number;
  /** Whether every increase has improved throughput so far. */
  #isStarting = true;
  /** The step whose effect is being measured. */
  #trial: { readonly direction: 'up' | 'down'; readonly before: number; readonly rate: number } | undefined;
  #holdUntilMs = 0;
  #keepUntilMs = 0;
  #decreasedMs = Number.NEGATIVE_INFINITY;
  #epoch = { startMs: 0, cost: 0, requests: 0, durationMs: 0 };

  /** @param onChange - Called with the initial number, and with each new one. */
  constructor(max: number, onChange: (concurrency: number) => void, nowMs: number = performance.now()) {
    this.#max = max;
    this.#current = Math.min(INITIAL, max);
    this.#onChange = onChange;
    this.#beginEpoch(nowMs);
    onChange(this.#current);
  }

  /** How many requests may be in flight now. */
  get current(): number {
    return this.#current;
  }

  /** A request was acknowledged. */
  acknowledged(bytes: number, durationMs: number, nowMs: number = performance.now()): void {
    const epoch = this.#epoch;
    epoch.cost += bytes + REQUEST_COST;
    epoch.requests += 1;
    epoch.durationMs += durationMs;
    if (epoch.requests >= 2 * this.#current && nowMs - epoch.startMs >= MIN_EPOCH_MS) this.#endEpoch(nowMs);
  }

  /** The service is overloaded, or an attempt timed out. */
  overloaded(nowMs: number = performance.now()): void {
    if (nowMs - this.#decreasedMs < DECREASE_INTERVAL_MS) return;
    this.#decreasedMs = nowMs;
    this.#isStarting = false;
    this.#trial = undefined;
    this.#holdUntilMs = nowMs + HOLD_MS;
    this.#change(Math.floor(this.#current / 2), nowMs);
  }

  #endEpoch(nowMs: number): void {
    const { startMs, cost, requests, durationMs } = this.#epoch;
    const rate = cost / (nowMs - startMs);
    const meanMs = durationMs / requests;
    const trial = this.#trial;
    this.#trial = undefined;
    if (trial !== undefined && !this.#succeeded(trial, rate)) {
      this.#isStarting = false;
      this.#holdUntilMs = nowMs + HOLD_MS;
      if (trial.direction === 'down') this.#keepUntilMs = nowMs + 4 * HOLD_MS;
      this.#change(trial.before, nowMs);
    } else if (meanMs > COMFORTABLE_MS && this.#current > 1 && nowMs >= this.#keepUntilMs) {
      this.#isStarting = false;
      this.#holdUntilMs = nowMs + HOLD_MS;
      this.#try('down', Math.floor((this.#current * COMFORTABLE_MS) / meanMs), rate, nowMs);
    } else if (this.#current < this.#max && nowMs >= this.#holdUntilMs && meanMs < COMFORTABLE_MS / 2) {
      const step = this.#isStarting ? this.#current : Math.ceil(this.#current / 8);
      this.#try('up', this.#current + step, rate, nowMs);
    } else {
      this.#beginEpoch(nowMs);
    }
  }

  #succeeded({ direction, rate: before }: { direction: 'up' | 'down'; rate: number }, rate: number): boolean {
    return direction === 'up' ? rate >= before * MIN_GAIN : rate >= before / MIN_GAIN ** 2;
  }

  #try(direction: 'up' | 'down', next: number, rate: number, nowMs: number): void {
    this.#trial = { direction, before: this.#current, rate };
    this.#change(next, nowMs);
  }

  #change(next: number, nowMs: number): void {
    this.#current = Math.max(1, Math.min(this.#max, next));
    this.#beginEpoch(nowMs);
    this.#onChange(this.#current);
  }

  #beginEpoch(nowMs: number): void {
    this.#epoch = { startMs: nowMs, cost: 0, requests: 0, durationMs: 0 };
  }
}
