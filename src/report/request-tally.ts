// RequestTally: counts the requests and the faults of a run, from their records.
import type { ByteRange } from '../base/byte-range.ts';
import type { FaultCount, RequestCount } from './facts.ts';
import { faultKind } from './faults.ts';

/** Operations and reasons beyond these are counted together. A log of another program could contain any number. */
const MAX_KINDS = 40;
const OTHERS = 'other';

/** "Put Page 4194304+4194304": the operation, and the range if it has one. */
export function parseRequest(what: string): { readonly operation: string; readonly range: ByteRange | undefined } {
  const [, operation, offset, length] = /^(.*) (\d{1,15})\+(\d{1,15})$/.exec(what) ?? [];
  if (operation === undefined) return { operation: what, range: undefined };
  return { operation, range: { offset: Number(offset), length: Number(length) } };
}

export class RequestTally {
  readonly #requests = new Map<string, { sent: number; failed: number; bytes: number }>();
  readonly #faults = new Map<string, { count: number; reasons: Map<string, number>; first: number; last: number }>();

  add(operation: string, bytes: number, isDone: boolean): void {
    const key = this.#requests.has(operation) || this.#requests.size < MAX_KINDS ? operation : OTHERS;
    const counted = this.#requests.get(key) ?? { sent: 0, failed: 0, bytes: 0 };
    counted.sent += 1;
    if (isDone) counted.bytes += bytes;
    else counted.failed += 1;
    this.#requests.set(key, counted);
  }

  /** @param time - In milliseconds since the Unix epoch. */
  retried(reason: string, time: number): void {
    const kind = faultKind(reason);
    const counted = this.#faults.get(kind) ?? { count: 0, reasons: new Map<string, number>(), first: time, last: time };
    const { reasons } = counted;
    const key = reasons.has(reason) || reasons.size < MAX_KINDS ? reason : OTHERS;
    reasons.set(key, (reasons.get(key) ?? 0) + 1);
    counted.count += 1;
    counted.last = time;
    this.#faults.set(kind, counted);
  }

  get requests(): readonly RequestCount[] {
    return [...this.#requests].map(([operation, counted]) => ({ operation, ...counted }));
  }

  /** The most frequent first. */
  get faults(): readonly FaultCount[] {
    return [...this.#faults]
      .map(([kind, { reasons, ...counted }]) => ({
        kind,
        ...counted,
        reasons: [...reasons].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count),
      }))
      .sort((a, b) => b.count - a.count);
  }
}
