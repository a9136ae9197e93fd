// Runs the rules on the facts about a disk.
import type { CheckFacts } from './check-facts.ts';
import type { CheckFinding } from './check-report.ts';
import { orUnread, type Rule, type Verdict } from './rule.ts';
import { RULE_SOURCES, type RuleSource } from './rule-sources.ts';
import { ACCOUNT_RULES } from './rules/account-rules.ts';
import { BOOT_RULES } from './rules/boot-rules.ts';
import { IMAGE_RULES } from './rules/image-rules.ts';
import { LINUX_BOOT_RULES } from './rules/linux-boot-rules.ts';
import { LINUX_SYSTEM_RULES } from './rules/linux-system-rules.ts';
import { OPERATING_SYSTEM } from './rules/operating-system-rule.ts';
import { PARTITION_RULES } from './rules/partition-rules.ts';
import { SIZE_RULES } from './rules/size-rules.ts';
import { TARGET_RULES } from './rules/target-rules.ts';
import { WINDOWS_RULES } from './rules/windows-rules.ts';

/** The rules about the image, in display order. */
export const RULES: readonly Rule[] = [
  ...IMAGE_RULES,
  ...SIZE_RULES,
  ...PARTITION_RULES,
  ...BOOT_RULES,
  OPERATING_SYSTEM,
  ...LINUX_BOOT_RULES,
  ...LINUX_SYSTEM_RULES,
  ...ACCOUNT_RULES,
  ...WINDOWS_RULES,
];

/** With those about the blob and its container. */
export const ALL_RULES: readonly Rule[] = [...RULES, ...TARGET_RULES];

export async function runRules(rules: readonly Rule[], facts: CheckFacts): Promise<CheckFinding[]> {
  const findings: CheckFinding[] = [];
  for (const rule of rules) findings.push(findingOf(rule, await verdictOf(rule, facts)));
  return findings;
}

async function verdictOf(rule: Rule, facts: CheckFacts): Promise<Verdict> {
  const exemption = rule.exempt?.(facts);
  if (exemption !== undefined) return { result: 'not-applicable', found: exemption };
  return await orUnread(async () => await rule.run(facts));
}

export function findingOf({ id, level, group, title, reason, sources }: Rule, verdict: Verdict): CheckFinding {
  const { result, found, fix } = verdict;
  const documents = sources.map((name): RuleSource => RULE_SOURCES[name]);
  return { id, level, group, title, result, found, reason, sources: documents, ...(fix === undefined ? {} : { fix }) };
}
