// Congestion control: how many requests are in flight at once, and how fast they are sent.
import pLimit, { type LimitFunction } from 'p-limit';
import { ServiceError } from '../errors.ts';
import { AdaptiveConcurrency } from './concurrency.ts';
import { ServicePacer } from './pacer.ts';

/** The service asks to slow down. */
const BUSY_STATUSES = new Set([429, 503]);
/** Signs of too much at once: the service did not get to it, or the connection did not carry it in time. */
const OVERLOAD_REASONS = new Set(['OperationTimedOut', 'AttemptTimeout', 'ESTALLED', 'ETIMEDOUT']);

/** Every attempt of every request that moves pages passes here, so that its outcome is known. */
export class CongestionControl {
  /** Runs as many requests at once as the connection takes now. */
  readonly limit: LimitFunction;
  readonly #concurrency: AdaptiveConcurrency;
  readonly #pacer = new ServicePacer();

  /** @param onChange - Called with the number of requests that may be in flight, at first and when it changes. */
  constructor(maxRequests: number, onChange: (requests: number) => void) {
    this.limit = pLimit(maxRequests);
    this.#concurrency = new AdaptiveConcurrency(maxRequests, (requests) => {
      this.limit.concurrency = requests;
      onChange(requests);
    });
  }

  /** Waits for its turn. To be called before each attempt, outside of the attempt's own time. */
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
