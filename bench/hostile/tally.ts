// Counts the outcomes of cases, and keeps the slowest and the largest.
import type { CaseReport } from './cases.ts';

export class Tally {
  failures = 0;
  readonly #outcomes = new Map<string, number>();
  #cases = 0;
  #slowest = { operation: '', ms: 0, seed: 0 };
  #peakMemory = 0;

  add(seed: number, { outcome, slowest, peakMemory }: CaseReport): void {
    this.#cases++;
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
    if (slowest !== undefined && slowest.ms > this.#slowest.ms) this.#slowest = { ...slowest, seed };
    this.#peakMemory = Math.max(this.#peakMemory, peakMemory);
  }

  /** The outcomes, most frequent first, and a summary line. */
  summary(format: string): string {
    const { operation, ms, seed } = this.#slowest;
    const outcomes = [...this.#outcomes].sort(([, one], [, other]) => other - one);
    const reads = outcomes.filter(([name]) => name.startsWith('read')).reduce((sum, [, number]) => sum + number, 0);
    return [
      ...outcomes.map(([name, number]) => `${String(number).padStart(7)}  ${name}`),
      `${format}: ${this.#cases} damaged images, ${reads} read, ${this.#cases - reads} refused, ${this.failures} failed; ` +
        `slowest ${Math.round(ms)} ms (${operation}, seed ${seed}), peak memory of a process ${Math.round(this.#peakMemory / 2 ** 20)} MiB`,
    ].join('\n');
  }
}
