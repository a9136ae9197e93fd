// worstOf: one verdict for a disk with several installations of an operating system.
import type { CheckResult } from '../check-report.ts';
import type { Verdict } from '../rule.ts';

const WORST_FIRST: readonly CheckResult[] = ['fail', 'warn', 'unread', 'pass', 'not-applicable'];

/** The worst result of all installations, with the findings of each installation that has it. */
export function worstOf(verdicts: readonly (readonly [name: string, verdict: Verdict])[]): Verdict {
  const [first, ...others] = verdicts;
  if (first === undefined) throw new RangeError('At least one installation is required.');
  if (others.length === 0) return first[1];
  const result = WORST_FIRST.find((one) => verdicts.some(([, verdict]) => verdict.result === one)) ?? 'unread';
  const worst = verdicts.filter(([, verdict]) => verdict.result === result);
  const found = worst.map(([name, verdict]) => `${name}: ${verdict.found}`).join('; ');
  const fix = worst[0]?.[1].fix;
  return { result, found, ...(fix === undefined ? {} : { fix }) };
}
