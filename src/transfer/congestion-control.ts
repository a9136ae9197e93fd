// Congestion control: how many requests are in flight at once, and how fast they are sent.
import pLimit, { type LimitFunction } from 'p-limit';
import { ServiceError } from '../errors.ts';
import { AdaptiveConcurrency } from './concurrency.ts';
import { ServicePacer } from './pacer.ts';

/** Statuses with which the service asks to slow down. */
const BUSY_STATUSES = new Set([429, 503]);
/** Signs of overload: the service did not process a request in time, or the connection did not transfer it in time. */
const OVERLOAD_REASONS = new Set(['OperationTimedOut', 'AttemptTimeout', 'ESTALLED', 'ETIMEDOUT']);

/** Every attempt to move pages goes through this class, so that it sees every outcome. */
export class CongestionControl {
  /** Limits the requests in flight to what the connection can currently handle. */
  readonly limit: LimitFunction;
  readonly #concurrency: AdaptiveConcurrency;
  readonly #pacer = new ServicePacer();

  /** @param onChange - Called with the allowed number of requests in flight, initially and on each change. */
  constructor(maxRequests: number, onChange: (requests: number) => void) {
    this.limit = pLimit(maxRequests);
    this.#concurrency = new AdaptiveConcurrency(maxRequests, (requests) => {
      this.limit.concurrency = requests;
      onChange(requests);
    });
  }

  /** Waits for the turn of the next attempt. Call it before each attempt, outside of the attempt's timeout. */
  admit(bytes: number, signal: AbortSignal): Promise<void> {
    return this.#pacer.pass(bytes, signal);
  }

  /** Makes one attempt to move `bytes`. */
  async attempt<T>(bytes: number, move: () => Promise<T>): Promise<T> {
    const startMs = performance.now();
    try {
      const result = await move();
      this.#concurrency.acknowledged(bytes, performance.now() - startMs);
      this.#pacer.acknowledged(bytes);
      return result;
    } catch (error) {
      if (error instanceof ServiceError) this.#failed(error);
      throw error;
    }
  }

  #failed({ failure }: ServiceError): void {
    if (failure.status !== undefined && BUSY_STATUSES.has(failure.status)) this.#pacer.busy();
    else if (OVERLOAD_REASONS.has(failure.reason)) this.#concurrency.overloaded();
  }
}
