// Counts the events of a campaign and prints the summary.

/** Counts by name. */
export class Tally {
  readonly #counts = new Map<string, number>();

  count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
  }

  /** Keeps the largest value. */
  largest(what: string, value: number): void {
    this.#counts.set(what, Math.max(this.#counts.get(what) ?? 0, value));
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  /** The names that start with `prefix`, without the prefix, and their counts. */
  under(prefix: string): [string, number][] {
    return [...this.#counts]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, count]): [string, number] => [name.slice(prefix.length), count])
      .sort(([one], [other]) => one.localeCompare(other, 'en', { numeric: true }));
  }
}

/** A rule was broken. */
export class BrokenRule extends Error {}

export function assertRule(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new BrokenRule(rule);
}

export function summaryOf(tally: Tally, seconds: number): string {
  const lines = [
    ['rounds', `${tally.of('rounds')}, failed ${tally.of('failed rounds')}`],
    ['images', list(tally, 'image: ')],
    ['service', `with leases ${tally.of('with leases')}, without ${tally.of('without leases')}`],
    ['runs of upload', String(tally.of('runs'))],
    ['ended with', list(tally, 'exit: ')],
    ['signals sent', list(tally, 'signal: ')],
    ['faults injected', list(tally, 'fault: ')],
    ['throttled with 503', String(tally.of('throttled'))],
    ['SAS expired', String(tally.of('expired SAS'))],
    ['sleeps beyond the lease', String(tally.of('sleeps'))],
    ['second uploaders', list(tally, 'second: ')],
    ['changes by others', list(tally, 'foreign: ')],
    ['images modified', String(tally.of('modified images'))],
    ['checkpoints', list(tally, 'checkpoint: ')],
    ['moves', String(tally.of('moves'))],
    ['advice followed', list(tally, 'advice: ')],
    [
      'blobs compared',
      `${tally.of('compared blobs')}, with a miss that the options allow ${tally.of('allowed misses')}`,
    ],
    ['verify --full', list(tally, 'verify: ')],
    ['peak memory', `${tally.of('peak MiB')} MiB`],
    ['time', `${seconds.toFixed(0)} s`],
  ];
  return lines.map(([name = '', value = '']) => `${name.padEnd(24)}${value}`).join('\n');
}

function list(tally: Tally, prefix: string): string {
  const counts = tally.under(prefix);
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  return counts.length === 0 ? '0' : `${total}: ${counts.map(([name, count]) => `${name} ${count}`).join(', ')}`;
}
