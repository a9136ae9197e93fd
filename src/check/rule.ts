// Rule: one requirement of Azure, or of a guest in it, and the verdicts that a rule can return.
import { printable } from '../base/printable.ts';
import type { CheckFacts } from './check-facts.ts';
import type { CheckFinding, CheckResult, Purpose } from './check-report.ts';
import { GuestUnreadableError } from './guest/guest-file-system.ts';
import type { SourceName } from './rule-sources.ts';

/** The result of a rule for one disk. */
export interface Verdict {
  readonly result: CheckResult;
  readonly found: string;
  readonly fix?: string;
}

/** A rule has the parts of a finding that are the same for every disk. */
export interface Rule extends Pick<CheckFinding, 'id' | 'level' | 'group' | 'title' | 'reason'> {
  /** The documents that ask for it. */
  readonly sources: readonly SourceName[];
  /** The reason why the rule does not apply to a disk, or undefined if it applies. */
  readonly exempt?: (facts: CheckFacts) => string | undefined;
  /** @throws {GuestUnreadableError} the rule needs a file that cannot be read. */
  readonly run: (facts: CheckFacts) => Verdict | Promise<Verdict>;
}

export function pass(found: string): Verdict {
  return { result: 'pass', found };
}

export function warn(found: string, fix: string): Verdict {
  return { result: 'warn', found, fix };
}

export function fail(found: string, fix: string): Verdict {
  return { result: 'fail', found, fix };
}

/** Neither passed nor failed. */
export function unread(found: string, fix: string): Verdict {
  return { result: 'unread', found, fix };
}

/** For a rule that finds out only from the files of the system that it does not apply. */
export function notApplicable(found: string): Verdict {
  return { result: 'not-applicable', found };
}

/** A failure for the Marketplace, which certifies images; otherwise a warning. */
export function failForMarketplace({ purpose }: CheckFacts, found: string, fix: string): Verdict {
  return purpose === 'marketplace' ? fail(found, fix) : warn(found, fix);
}

/** Exempts data disks, for rules about booting. */
export function unlessOsDisk({ purpose }: CheckFacts): string | undefined {
  return purpose === 'data-disk' ? 'a data disk' : undefined;
}

export function onlyFor(...purposes: readonly Purpose[]): (facts: CheckFacts) => string | undefined {
  return ({ purpose }) => (purposes.includes(purpose) ? undefined : `only for ${purposes.join(' and ')}`);
}

/** Exempts a disk that does not become an image: one machine that continues with it keeps its name, its users and its keys. */
export function onlyGeneralized({ osState }: CheckFacts): string | undefined {
  if (osState === 'generalized') return undefined;
  return osState === undefined
    ? 'only for generalized images: give --image generalized to check it'
    : 'only for generalized images';
}

/** Exempts a disk with which one machine continues. A disk of which nothing is known may become an image. */
export function unlessSpecialized({ osState }: CheckFacts): string | undefined {
  return osState === 'specialized' ? 'only for generalized images' : undefined;
}

/** The verdict of `work`, or `unread` if it needs a file that cannot be read. */
export async function orUnread(work: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof GuestUnreadableError)) throw error;
    return unread(`cannot be read: ${printable(error.message)}`, 'Check it in the running machine.');
  }
}
