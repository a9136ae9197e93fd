// Decides which failures are retried, when, and when to give up. The only place that retries requests.
import { setTimeout as delay } from 'node:timers/promises';
import { LinkedAbort } from '../base/linked-abort.ts';
import { DestinationError, ServiceError } from '../errors.ts';

export interface RetryOptions {
  /** The maximum number of retries of one request. @default Infinity: only `giveUpAfterMs` limits retries */
  readonly retries?: number;
  /** Give up after this time without any acknowledged request, in milliseconds. @default 12 hours */
  readonly giveUpAfterMs?: number;
  /** The timeout of one attempt, in milliseconds. A stalled socket is closed much sooner (`stallTimeoutMs`). @default 15 minutes */
  readonly attemptTimeoutMs?: number;
  /** The delay before the first retry, in milliseconds. It doubles with each retry. @default 500 */
  readonly retryDelayMs?: number;
  /** The longest delay, in milliseconds, unless the service asks for a longer one. @default 30,000 */
  readonly maxRetryDelayMs?: number;
}

/** The report of a request that will be retried. */
export interface RetryNotice {
  /** The operation and its range: "Put Page 4194304+4194304". */
  readonly what: string;
  /** The number of the failed attempt, from 1. */
  readonly attempt: number;
  readonly delayMs: number;
  readonly error: ServiceError;
}

/** A request after a failed attempt. */
interface FailedAttempt {
  readonly what: string;
  readonly attempt: number;
  /** Attempts of this request that the service rejected for a wrong checksum. */
  readonly mismatches: number;
  readonly firstFailureMs: number;
  readonly streak: Streak | undefined;
  readonly error: ServiceError;
}

/** Consecutive failures that have a limit. */
interface Streak {
  readonly tries: number;
  readonly sinceMs: number;
}

/**
 * Repairs the cause of a permanent failure if possible, such as an expired credential. Resolves with whether to send the request
 * again. It may take hours.
 */
export type Recover = (error: unknown, signal: AbortSignal) => Promise<boolean>;

/** After this many wrong checksums, something between this machine and the service modifies the bytes every time. */
const MAX_CHECKSUM_TRIES = 10;
/** The maximum number of attempts if a failure suggests a wrong address and the service has never answered. */
const MAX_TRIES_BEFORE_CONTACT = 6;
/** The longest honoured `Retry-After`, in milliseconds: an absurd value must not stop an upload. */
const MAX_RETRY_AFTER_MS = 5 * 60_000;

/** Retries requests that share a connection and a service: the progress of any of them keeps all of them alive. */
export class Retrier {
  /** The total number of retries. */
  retries = 0;
  /** How many attempts failed with a wrong checksum. */
  checksumMismatches = 0;
  readonly #options: Required<RetryOptions>;
  readonly #onRetry: (notice: RetryNotice) => void;
  readonly #recover: Recover;
  #lastAnswerMs = performance.now();
  #contacted = false;

  constructor(
    options: RetryOptions,
    onRetry: (notice: RetryNotice) => void,
    recover: Recover = () => Promise.resolve(false),
  ) {
    this.#options = {
      retries: options.retries ?? Number.POSITIVE_INFINITY,
      giveUpAfterMs: options.giveUpAfterMs ?? 12 * 3_600_000,
      attemptTimeoutMs: options.attemptTimeoutMs ?? 15 * 60_000,
      retryDelayMs: options.retryDelayMs ?? 500,
      maxRetryDelayMs: options.maxRetryDelayMs ?? 30_000,
    };
    this.#onRetry = onRetry;
    this.#recover = recover;
  }

  /**
   * Runs `operation` until it succeeds, with a new signal for each attempt.
   * @param admit - Awaited before each attempt, outside of its timeout.
   * @throws {ServiceError} the failure is permanent, or the retries are exhausted.
   * @throws {DestinationError} the retries are exhausted, and the destination is the cause.
   * @throws any other error of `operation`; the reason of `signal` on abort.
   */
  async run<T>(
    what: string,
    signal: AbortSignal,
    operation: (signal: AbortSignal) => Promise<T>,
    admit?: (signal: AbortSignal) => Promise<void>,
  ): Promise<T> {
    let firstFailureMs: number | undefined;
    let mismatches = 0;
    let streak: Streak | undefined;
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      await admit?.(signal);
      try {
        const result = await this.#attempt(what, signal, operation);
        this.#lastAnswerMs = performance.now();
        this.#contacted = true;
        return result;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ServiceError) || !this.#isRetryable(error)) {
          if (!(await this.#recover(error, signal))) throw error;
          // The connection was not the cause: neither the attempt nor the time counts.
          attempt -= 1;
          firstFailureMs = undefined;
          streak = undefined;
          this.#lastAnswerMs = performance.now();
          continue;
        }
        firstFailureMs ??= performance.now();
        if (error.failure.checksumMismatch === true) mismatches += 1;
        streak = longer(streak, error);
        this.#giveUpIfExhausted({ what, attempt, mismatches, firstFailureMs, streak, error });
        await this.#pause(what, attempt, error, signal);
      }
    }
  }

  #isRetryable({ failure: { transient, needsContact } }: ServiceError): boolean {
    return transient && (needsContact !== true || this.#contacted);
  }

  async #attempt<T>(what: string, signal: AbortSignal, operation: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { attemptTimeoutMs } = this.#options;
    const stop = new LinkedAbort(signal);
    const timer = setTimeout(() => {
      const seconds = Math.round(attemptTimeoutMs / 1000);
      stop.abort(
        new ServiceError(`${what} took longer than ${seconds} s.`, { reason: 'AttemptTimeout', transient: true }),
      );
    }, attemptTimeoutMs);
    try {
      return await operation(stop.signal);
    } catch (error) {
      stop.signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
      stop.unlink();
    }
  }

  #giveUpIfExhausted({ what, attempt, mismatches, firstFailureMs, streak, error }: FailedAttempt): void {
    const { failure } = error;
    if (failure.checksumMismatch === true) this.checksumMismatches += 1;
    const withoutProgressMs = performance.now() - Math.max(this.#lastAnswerMs, firstFailureMs);
    const why =
      attempt > this.#options.retries
        ? `after ${attempt} ${attempt === 1 ? 'attempt' : 'attempts'}`
        : mismatches >= MAX_CHECKSUM_TRIES
          ? `after ${mismatches} attempts with a wrong checksum: something between this machine and the service modifies the data`
          : failure.suspectAddress === true && !this.#contacted && attempt >= MAX_TRIES_BEFORE_CONTACT
            ? `after ${attempt} attempts: the service has never answered. Check the address and the network`
            : isOverLimit(streak, error)
              ? `after ${streak?.tries} attempts: the failure is not temporary`
              : withoutProgressMs >= this.#options.giveUpAfterMs
                ? `after ${Math.round(withoutProgressMs / 1000)} s without progress`
                : undefined;
    if (why === undefined) return;
    const message = `Gave up ${what} ${why}. Last error: ${error.message}`;
    if (failure.isDestination === true) throw new DestinationError(message, { reason: failure.reason });
    throw new ServiceError(message, { ...failure, transient: false });
  }

  async #pause(what: string, attempt: number, error: ServiceError, signal: AbortSignal): Promise<void> {
    const { retryDelayMs, maxRetryDelayMs } = this.#options;
    const backoffMs = Math.min(maxRetryDelayMs, retryDelayMs * 2 ** Math.min(attempt - 1, 20));
    // Jitter spreads requests that failed together, so that they do not retry together.
    const jitteredMs = backoffMs * (0.5 + Math.random() / 2);
    const { limit, retryAfterMs = 0 } = error.failure;
    // A limit of tries stands for some minutes. With such pauses, a failure that is probably permanent would take hours.
    const askedMs = limit?.tries === undefined ? Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) : 0;
    const delayMs = Math.round(Math.max(jitteredMs, askedMs));
    this.retries += 1;
    this.#onRetry({ what, attempt, delayMs, error });
    try {
      await delay(delayMs, undefined, { signal });
    } catch {
      signal.throwIfAborted();
    }
  }
}

/** Adds a failure to the streak. Undefined if the failure has no limit. */
function longer(streak: Streak | undefined, { failure }: ServiceError): Streak | undefined {
  if (failure.limit === undefined) return undefined;
  return { tries: (streak?.tries ?? 0) + 1, sinceMs: streak?.sinceMs ?? performance.now() };
}

function isOverLimit(streak: Streak | undefined, { failure: { limit = {} } }: ServiceError): boolean {
  if (streak === undefined) return false;
  const { tries = Number.POSITIVE_INFINITY, ms = Number.POSITIVE_INFINITY } = limit;
  return streak.tries >= tries || performance.now() - streak.sinceMs >= ms;
}
