// Limits for the number of requests in flight, and for their memory.
import pLimit, { type LimitFunction } from 'p-limit';
import { UsageError } from '../errors.ts';
import type { Threads } from '../options.ts';

export const MAX_THREADS = 64;

/** Windows in memory with `auto`: 28 MiB. Requests smaller than a window may be more. */
const AUTO_WINDOWS = 7;

/** Threads for work without network requests. */
const LOCAL_THREADS = 8;
/**
 * 204 MiB. With 54 windows and all features (TLS, an MD5 of the whole image, a manifest), a process takes 345 MiB at its peak; the
 * documentation promises 350 MiB. This also limits the requests in flight that carry a whole window, however many threads are allowed.
 */
const MAX_WINDOWS = 51;

export interface Concurrency {
  /** The maximum number of requests in flight. */
  readonly maxRequests: number;
  /** The maximum number of windows of 4 MiB in memory, for data that is sent or received. */
  readonly maxWindows: number;
}

/** @throws {UsageError} neither `auto` nor an integer from 1 to 64. */
export function concurrencyOf(threads: Threads = 'auto'): Concurrency {
  if (threads === 'auto') return { maxRequests: MAX_THREADS, maxWindows: AUTO_WINDOWS };
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    throw new UsageError(`threads (--threads) must be auto or an integer from 1 to ${MAX_THREADS}, but is ${threads}.`);
  }
  // One window is read ahead while the others are sent.
  return { maxRequests: threads, maxWindows: Math.min(threads + 1, MAX_WINDOWS) };
}

/** A warning if memory limits the effect of so many threads; otherwise undefined. */
export function threadsWarning({ maxRequests, maxWindows }: Concurrency): string | undefined {
  if (maxRequests <= maxWindows || maxWindows < MAX_WINDOWS) return undefined;
  return `--threads ${maxRequests}: at most ${maxWindows} windows of 4 MiB are in memory at once. Dense data is moved in up to ${maxWindows} requests at once, scattered data in up to ${maxRequests}.`;
}

/** The limits for work without network requests. */
export function localConcurrency(threads: Threads = 'auto'): { limit: LimitFunction; maxWindows: number } {
  const { maxRequests, maxWindows } = concurrencyOf(threads === 'auto' ? LOCAL_THREADS : threads);
  return { limit: pLimit(maxRequests), maxWindows };
}
