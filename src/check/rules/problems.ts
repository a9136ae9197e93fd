// What a rule found wrong: several values, each with the command that sets it right.
import { printable } from '../../base/printable.ts';
import type { CheckFacts } from '../check-facts.ts';
import type { Accounts } from '../guest/linux-system.ts';
import { fail, failForMarketplace, pass, unread, type Verdict, warn } from '../rule.ts';

export interface Problem {
  /** A file and its value: not made safe to print. */
  readonly found: string;
  /** A command for the shell of the guest, or a sentence. */
  readonly fix: string;
}

/** Problems shown at most. */
const MAX_SHOWN = 6;

function shown(problems: readonly Problem[]): readonly [found: string, fix: string] {
  const found = problems.slice(0, MAX_SHOWN).map((problem) => printable(problem.found));
  if (problems.length > MAX_SHOWN) found.push(`${problems.length - MAX_SHOWN} more`);
  const fixes = [...new Set(problems.map(({ fix }) => fix))].slice(0, MAX_SHOWN);
  return [found.join('; '), printable(`Run in the guest: ${fixes.join('; ')}`)];
}

/** Passes if there are no problems. */
export function warnOf(problems: readonly Problem[], good: string): Verdict {
  return problems.length === 0 ? pass(printable(good)) : warn(...shown(problems));
}

export function failOf(problems: readonly Problem[], good: string): Verdict {
  return problems.length === 0 ? pass(printable(good)) : fail(...shown(problems));
}

/** A failure for the Marketplace, otherwise a warning. */
export function failForMarketplaceOf(facts: CheckFacts, problems: readonly Problem[], good: string): Verdict {
  return problems.length === 0 ? pass(printable(good)) : failForMarketplace(facts, ...shown(problems));
}

/** For a rule that found nothing in the homes of these accounts. */
export function passForAll({ accounts, isComplete }: Accounts): Verdict {
  return isComplete
    ? pass('none')
    : unread(
        `none in what was examined, of the first ${accounts.length} accounts`,
        'Check the others in the running machine.',
      );
}
