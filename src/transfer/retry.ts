// The one owner of retries: what is tried again, when, and when it is given up.
import { setTimeout as delay } from 'node:timers/promises';
import { ChildAbort } from '../base/linked-abort.ts';
import { DestinationError, ServiceError } from '../errors.ts';

export interface RetryOptions {
  /** How often one request is tried again. @default Infinity: `giveUpAfterMs` alone decides */
  readonly retries?: number;
  /** Give up when nothing at all was acknowledged for so long, in milliseconds. @default 12 hours */
  readonly giveUpAfterMs?: number;
  /** One attempt may take so long, in milliseconds. A socket that moves no byte is given up much sooner (`stallTimeoutMs`). @default 15 minutes */
  readonly attemptTimeoutMs?: number;
  /** The first pause between two tries, in milliseconds; it doubles from try to try. @default 500 */
  readonly retryDelayMs?: number;
  /** The longest pause, in milliseconds, unless the service asks for a longer one. @default 30,000 */
  readonly maxRetryDelayMs?: number;
}

/** What is told of a request that will be tried again. */
export interface RetryNotice {
  /** What was attempted: "Put Page 4194304+4194304". */
  readonly what: string;
  /** The number of the try that failed, from 1. */
  readonly attempt: number;
  readonly delayMs: number;
  readonly error: ServiceError;
}

/** One request that failed, so far. */
interface FailedTry {
  readonly what: string;
  readonly attempt: number;
  /** Tries of this request whose checksum the service found wrong. */
  readonly mismatches: number;
  readonly firstFailureMs: number;
  readonly streak: Streak | undefined;
  readonly error: ServiceError;
}

/** Failures in a row that each have a limit. */
interface Streak {
  readonly tries: number;
  readonly sinceMs: number;
}

/**
 * Repairs what made a request fail for good, where that can be done: a credential that has ended. Resolves with whether the
 * request may be sent again; until then it may take hours.
 */
export type Recover = (error: unknown, signal: AbortSignal) => Promise<boolean>;

/** After so many tries with wrong checksums, something on the way changes the bytes every time. */
const MAX_CHECKSUM_TRIES = 10;
/** Before the service has answered once, a failure that hints at a mistyped address is tried only so often. */
const MAX_TRIES_BEFORE_CONTACT = 6;
/** `Retry-After` is honoured up to here, in milliseconds: an absurd value must not end an upload. */
const MAX_RETRY_AFTER_MS = 5 * 60_000;

/** Retries requests that share one line and one service: progress of any of them keeps all of them alive. */
export class Retrier {
  /** Tries that failed and were made again, in all. */
  retries = 0;
  /** Of these, the ones whose checksum the service found wrong. */
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
   * Runs `operation` until it succeeds, with a signal of its own for each attempt.
   * @param admit - Waited for before each attempt; its time is not the attempt's.
   * @throws {ServiceError} not transient, or given up.
   * @throws {DestinationError} given up, and the destination is at fault.
   * @throws anything else that `operation` throws; the reason of `signal` on abort.
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
        if (!(error instanceof ServiceError) || !this.#mayPass(error)) {
          if (!(await this.#recover(error, signal))) throw error;
          // It was no fault of the line: neither the try nor the time counts.
          attempt -= 1;
          firstFailureMs = undefined;
          streak = undefined;
          this.#lastAnswerMs = performance.now();
          continue;
        }
        firstFailureMs ??= performance.now();
        if (error.failure.checksumMismatch === true) mismatches += 1;
        streak = longer(streak, error);
        this.#giveUpIfHopeless({ what, attempt, mismatches, firstFailureMs, streak, error });
        await this.#pause(what, attempt, error, signal);
      }
    }
  }

  #mayPass({ failure: { transient, needsContact } }: ServiceError): boolean {
    return transient && (needsContact !== true || this.#contacted);
  }

  async #attempt<T>(what: string, signal: AbortSignal, operation: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { attemptTimeoutMs } = this.#options;
    const stop = new ChildAbort(signal);
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

  #giveUpIfHopeless({ what, attempt, mismatches, firstFailureMs, streak, error }: FailedTry): void {
    const { failure } = error;
    if (failure.checksumMismatch === true) this.checksumMismatches += 1;
    const withoutProgressMs = performance.now() - Math.max(this.#lastAnswerMs, firstFailureMs);
    const why =
      attempt > this.#options.retries
        ? `after ${attempt} ${attempt === 1 ? 'try' : 'tries'}`
        : mismatches >= MAX_CHECKSUM_TRIES
          ? `after ${mismatches} tries with a wrong checksum: something between this machine and the service changes what is sent`
          : failure.suspectAddress === true && !this.#contacted && attempt >= MAX_TRIES_BEFORE_CONTACT
            ? `after ${attempt} tries, before the service answered even once. Check the address and the network`
            : isTooLong(streak, error)
              ? `after ${streak?.tries} tries: this does not pass by itself`
              : withoutProgressMs >= this.#options.giveUpAfterMs
                ? `after ${Math.round(withoutProgressMs / 1000)} s without any progress`
                : undefined;
    if (why === undefined) return;
    const message = `Gave up ${what} ${why}. Last failure: ${error.message}`;
    if (failure.isDestination === true) throw new DestinationError(message, { reason: failure.reason });
    throw new ServiceError(message, { ...failure, transient: false });
  }

  async #pause(what: string, attempt: number, error: ServiceError, signal: AbortSignal): Promise<void> {
    const { retryDelayMs, maxRetryDelayMs } = this.#options;
    const backoffMs = Math.min(maxRetryDelayMs, retryDelayMs * 2 ** Math.min(attempt - 1, 20));
    // Jitter spreads requests that failed together, so that they do not come back together.
    const jitteredMs = backoffMs * (0.5 + Math.random() / 2);
    const delayMs = Math.round(Math.max(jitteredMs, Math.min(error.failure.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS)));
    this.retries += 1;
    this.#onRetry({ what, attempt, delayMs, error });
    try {
      await delay(delayMs, undefined, { signal });
    } catch {
      signal.throwIfAborted();
    }
  }
}

/** With the failure of another try; undefined where that one has no limit. */
function longer(streak: Streak | undefined, { failure }: ServiceError): Streak | undefined {
  if (failure.limit === undefined) return undefined;
  return { tries: (streak?.tries ?? 0) + 1, sinceMs: streak?.sinceMs ?? performance.now() };
}

function isTooLong(streak: Streak | undefined, { failure: { limit = {} } }: ServiceError): boolean {
  if (streak === undefined) return false;
  const { tries = Number.POSITIVE_INFINITY, ms = Number.POSITIVE_INFINITY } = limit;
  return streak.tries >= tries || performance.now() - streak.sinceMs >= ms;
}
