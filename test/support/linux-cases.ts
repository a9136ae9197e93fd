// Cases of rules about Linux: a golden distribution, one change, and what a rule finds then.
import { describe, expect, it } from 'vitest';
import type { CheckFacts } from '../../src/check/check-facts.ts';
import type { CheckFinding, CheckResult } from '../../src/check/check-report.ts';
import { LinuxSystem } from '../../src/check/guest/linux-system.ts';
import type { Rule } from '../../src/check/rule.ts';
import { ACCOUNT_RULES } from '../../src/check/rules/account-rules.ts';
import { LINUX_BOOT_RULES } from '../../src/check/rules/linux-boot-rules.ts';
import { LINUX_SYSTEM_RULES } from '../../src/check/rules/linux-system-rules.ts';
import { OPERATING_SYSTEM } from '../../src/check/rules/operating-system-rule.ts';
import { runRules } from '../../src/check/run-rules.ts';
import { GOLDEN_DISTRIBUTIONS, type GoldenName } from './golden-distributions.ts';
import { GOLDEN_EFI } from './golden-linux.ts';
import { guestTree, type TreeFiles } from './guest-tree.ts';

export const LINUX_RULES: readonly Rule[] = [
  OPERATING_SYSTEM,
  ...LINUX_BOOT_RULES,
  ...LINUX_SYSTEM_RULES,
  ...ACCOUNT_RULES,
];

/** Undefined removes a file. */
export type Changes = Readonly<Record<string, string | Uint8Array | undefined>>;

type Facts = Partial<Pick<CheckFacts, 'purpose' | 'generation' | 'osState' | 'hasNvme'>> & { readonly efi?: TreeFiles };

export const VM: Facts = { purpose: 'vm', osState: 'generalized' };
export const MARKETPLACE: Facts = { ...VM, purpose: 'marketplace' };
export const SPECIALIZED: Facts = { ...VM, osState: 'specialized' };
export const UNKNOWN: Facts = { ...VM, osState: undefined };

/** Of an empty disk. */
export const EMPTY_FACTS: CheckFacts = {
  purpose: 'vm',
  generation: 2,
  blobName: undefined,
  image: { path: 'd.vhd', format: 'vhd-fixed', size: 2 ** 30, azureSize: 2 ** 30, warnings: [], creator: undefined },
  layout: { volumes: [], problems: [] },
  contents: { volumes: [], unread: [] },
  volumeStates: [],
  guest: undefined,
  efi: undefined,
};

export async function findingsOf(
  name: GoldenName,
  changes: Changes = {},
  { efi, ...facts }: Facts = VM,
): Promise<CheckFinding[]> {
  const { files, generation } = GOLDEN_DISTRIBUTIONS[name];
  const kept = Object.entries({ ...files, ...changes }).filter(
    (entry): entry is [string, string | Uint8Array] => entry[1] !== undefined,
  );
  const system = new LinuxSystem({ root: guestTree(Object.fromEntries(kept)) });
  return await runRules(LINUX_RULES, {
    ...EMPTY_FACTS,
    generation,
    hasNvme: generation === 2,
    guest: { kind: 'linux', systems: [{ name: 'partition 2', system }], others: [] },
    efi: guestTree(efi ?? GOLDEN_EFI),
    ...facts,
  });
}

export async function findingOf(rule: string, ...rest: Parameters<typeof findingsOf>): Promise<CheckFinding> {
  const finding = (await findingsOf(...rest)).find(({ id }) => id === rule);
  if (finding === undefined) throw new Error(`There is no rule ${rule}.`);
  return finding;
}

/** The text of a golden file. */
export function text(name: GoldenName, path: string): string {
  const files: TreeFiles = GOLDEN_DISTRIBUTIONS[name].files;
  return String(files[path]);
}

/** A golden file with one part replaced. */
export function edited(name: GoldenName, path: string, from: string, to: string): Changes {
  if (!text(name, path).includes(from)) throw new Error(`${path} of ${name} has no "${from}".`);
  return { [path]: text(name, path).replace(from, to) };
}

export interface Case {
  readonly rule: string;
  readonly golden: GoldenName;
  readonly changes: Changes;
  readonly facts: Facts;
  readonly result: CheckResult;
  /** A part of what was found. */
  readonly found: string;
}

type CaseOf = (rule: string, golden: GoldenName, changes: Changes, found: string, facts?: Facts) => Case;

function caseOf(result: CheckResult): CaseOf {
  return (rule, golden, changes, found, facts = VM) => ({ rule, golden, changes, facts, result, found });
}

export const passes = caseOf('pass');
export const warns = caseOf('warn');
export const fails = caseOf('fail');
export const unreadable = caseOf('unread');
export const exempts = caseOf('not-applicable');

/** The same finding is a warning for a machine, and a failure for the Marketplace. */
export function stricter(rule: string, golden: GoldenName, changes: Changes, found: string): readonly Case[] {
  return [warns(rule, golden, changes, found), fails(rule, golden, changes, found, MARKETPLACE)];
}

/** Runs the cases, and demands of each of `rules` one that does not pass. */
export function testRules(name: string, rules: readonly Rule[], cases: readonly Case[]): void {
  describe(name, () => {
    it.each(cases)('$rule on $golden: $result ($found)', async ({ rule, golden, changes, facts, result, found }) => {
      const finding = await findingOf(rule, golden, changes, facts);
      expect(finding).toMatchObject({ result, found: expect.stringContaining(found) });
      if (['warn', 'fail', 'unread'].includes(result)) expect(finding.fix).toMatch(/\w/);
    });

    it('each have a case that does not pass', () => {
      const broken = cases.filter(({ result }) => result === 'warn' || result === 'fail').map(({ rule }) => rule);
      expect(rules.map(({ id }) => id).filter((id) => !broken.includes(id))).toEqual([]);
    });
  });
}
