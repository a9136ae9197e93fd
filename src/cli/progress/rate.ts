// The current rate: the mean of the last 15 seconds, not since the start.

const SPAN_MS = 15_000;

export class Rate {
  readonly #samples: { readonly timeMs: number; readonly value: number }[] = [];

  /** @param value - A total. A smaller total starts a new measurement: a verification after an upload counts from zero. */
  add(value: number, timeMs: number = performance.now()): void {
    if (value < (this.#samples.at(-1)?.value ?? 0)) this.#samples.length = 0;
    const last = this.#samples.at(-1);
    // Five samples per second give a smooth rate. Events may arrive thousands of times per second.
    if (last !== undefined && timeMs - last.timeMs < 200) return;
    this.#samples.push({ timeMs, value });
    while (this.#samples.length > 2 && timeMs - (this.#samples[0]?.timeMs ?? timeMs) > SPAN_MS) this.#samples.shift();
  }

  /** Per second; undefined while there are too few samples. */
  perSecond(value: number, timeMs: number = performance.now()): number | undefined {
    const first = this.#samples[0];
    if (first === undefined || timeMs - first.timeMs < 500) return undefined;
    return ((value - first.value) * 1000) / (timeMs - first.timeMs);
  }
}
