// RateBins: bytes and faults over time, in a bounded number of intervals.
import type { RateFacts } from './facts.ts';

const MAX_BINS = 120;
const FIRST_INTERVAL_MS = 250;

interface Bin {
  bytes: number;
  faults: number;
}

/** The intervals double when the run outgrows them. */
export class RateBins {
  #startedAt: number | undefined;
  #intervalMs = FIRST_INTERVAL_MS;
  #bins: Bin[] = [];

  /** @param time - In milliseconds since the Unix epoch. A clock that was set back counts as standing still. */
  add(time: number, bytes: number, faults: number): void {
    this.#startedAt ??= time;
    const elapsed = Math.max(0, time - this.#startedAt);
    while (elapsed >= this.#intervalMs * MAX_BINS) this.#double();
    const index = Math.floor(elapsed / this.#intervalMs);
    while (this.#bins.length <= index) this.#bins.push({ bytes: 0, faults: 0 });
    const bin = this.#bins[index];
    if (bin === undefined) return;
    bin.bytes += bytes;
    bin.faults += faults;
  }

  get facts(): RateFacts | undefined {
    if (this.#startedAt === undefined) return undefined;
    return {
      intervalMs: this.#intervalMs,
      startedAt: this.#startedAt,
      bytes: this.#bins.map(({ bytes }) => bytes),
      faults: this.#bins.map(({ faults }) => faults),
    };
  }

  #double(): void {
    this.#intervalMs *= 2;
    const pairs: Bin[] = [];
    for (const [index, { bytes, faults }] of this.#bins.entries()) {
      const pair = pairs[Math.floor(index / 2)];
      if (pair === undefined) pairs.push({ bytes, faults });
      else {
        pair.bytes += bytes;
        pair.faults += faults;
      }
    }
    this.#bins = pairs;
  }
}
