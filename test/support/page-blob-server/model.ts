// How fast the page-blob test server is: latency, a link that all connections share, a limit of requests per second, and the service's own timeout.

import { setTimeout as delay } from 'node:timers/promises';

/** Limits of the service; undefined means none. They may change while the server runs. */
export interface ServiceModel {
  /** Added before each answer. */
  latencyMs?: number | undefined;
  /** What all connections together carry, counted over bodies in both directions. */
  bytesPerSecond?: number | undefined;
  /** Requests above this are answered with 503 ServerBusy. A quarter of a second's worth may come at once. */
  requestsPerSecond?: number | undefined;
  /** A body that takes longer than this to arrive is answered with 500 OperationTimedOut. */
  operationTimeoutMs?: number | undefined;
}

/** Holds traffic to `bytesPerSecond`, first come, first served. */
export class SharedLink {
  readonly #model: ServiceModel;
  #freeAt = 0;

  constructor(model: ServiceModel) {
    this.#model = model;
  }

  get isLimited(): boolean {
    return this.#model.bytesPerSecond !== undefined;
  }

  /** Resolves when the link has carried the bytes; rejects when `signal` aborts. */
  async carry(bytes: number, signal: AbortSignal): Promise<void> {
    const rate = this.#model.bytesPerSecond;
    if (rate === undefined) return;
    this.#freeAt = Math.max(this.#freeAt, performance.now()) + (bytes / rate) * 1000;
    const waitMs = this.#freeAt - performance.now();
    // Timers are no finer than a millisecond; what is shorter adds up in #freeAt.
    if (waitMs >= 1) await delay(waitMs, undefined, { signal });
  }
}

/** Decides which requests are above `requestsPerSecond`. */
export class RequestRate {
  readonly #model: ServiceModel;
  #allowance = Number.POSITIVE_INFINITY;
  #countedAt = 0;

  constructor(model: ServiceModel) {
    this.#model = model;
  }

  /** Whether one more request may be served now. */
  admit(): boolean {
    const rate = this.#model.requestsPerSecond;
    if (rate === undefined) return true;
    const now = performance.now();
    const earned = ((now - this.#countedAt) / 1000) * rate;
    this.#allowance = Math.min(this.#allowance + earned, Math.max(1, rate / 4));
    this.#countedAt = now;
    if (this.#allowance < 1) return false;
    this.#allowance -= 1;
    return true;
  }
}
