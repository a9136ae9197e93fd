// How many requests are in flight at once at most, and how much memory they take.
import pLimit, { type LimitFunction } from 'p-limit';
import { UsageError } from '../errors.ts';
import type { Threads } from '../options.ts';

export const MAX_THREADS = 64;

/** Windows that `auto` holds in memory at most: 32 MiB, enough for 250 MB/s at 100 ms. Requests that send less than a window are more. */
const AUTO_WINDOWS = 8;

/** For work on this machine alone. */
const LOCAL_THREADS = 8;
/**
 * 204 MiB, and reading back takes 12 more for the image: with 54 windows and all there is (TLS, an MD5 of the whole, a manifest) a
 * process takes 345 MiB at its peak, and 350 are promised. So of requests that carry a whole window, no more than these are in
 * flight at once, however many threads are allowed.
 */
const MAX_WINDOWS = 51;

export interface Concurrency {
  /** Requests in flight at most. */
  readonly maxRequests: number;
  /** Windows of 4 MiB in memory at most, of what is sent or received. */
  readonly maxWindows: number;
}

/** @throws {UsageError} neither `auto` nor an integer from 1 to 64. */
export function concurrencyOf(threads: Threads = 'auto'): Concurrency {
  if (threads === 'auto') return { maxRequests: MAX_THREADS, maxWindows: AUTO_WINDOWS };
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    throw new UsageError(`threads must be auto or an integer from 1 to ${MAX_THREADS}, but is ${threads}.`);
  }
  // One more is read ahead while the others are sent.
  return { maxRequests: threads, maxWindows: Math.min(threads + 1, MAX_WINDOWS) };
}

/** What a number of threads does where memory bounds it; undefined elsewhere. */
export function threadsWarning({ maxRequests, maxWindows }: Concurrency): string | undefined {
  if (maxRequests <= maxWindows || maxWindows < MAX_WINDOWS) return undefined;
  return `--threads ${maxRequests}: at most ${maxWindows} windows of 4 MiB are in memory at once. Dense data is moved in up to ${maxWindows} requests at once, scattered data in up to ${maxRequests}.`;
}

/** For work that stays on this machine. */
export function localConcurrency(threads: Threads = 'auto'): { limit: LimitFunction; maxWindows: number } {
  const { maxRequests, maxWindows } = concurrencyOf(threads === 'auto' ? LOCAL_THREADS : threads);
  return { limit: pLimit(maxRequests), maxWindows };
}
