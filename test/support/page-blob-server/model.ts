// The speed of the page-blob test server: latency, a link that all connections share, a limit of requests per second, and the timeout of the service.

import { setTimeout as delay } from 'node:timers/promises';
import type { Link } from '../test-server/exchange.ts';

/** Limits of the service; undefined means none. They may change while the server runs. */
export interface ServiceModel {
  /** Added before each answer. */
  latencyMs?: number | undefined;
  /** Bandwidth of all connections together, for bodies in both directions. */
  bytesPerSecond?: number | undefined;
  /** Requests above this are answered with 503 ServerBusy. A burst of a quarter of a second is allowed. */
  requestsPerSecond?: number | undefined;
  /** A body that takes longer than this to arrive is answered with 500 OperationTimedOut. */
  operationTimeoutMs?: number | undefined;
}

/** Limits traffic to `bytesPerSecond`, in order of arrival. */
export class SharedLink implements Link {
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
    // Timers have a resolution of a millisecond. Shorter times add up in #freeAt.
    if (waitMs >= 1) await delay(waitMs, undefined, { signal });
  }
}

/** Decides which requests exceed `requestsPerSecond`. */
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
