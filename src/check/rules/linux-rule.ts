// Rules that need the files of a Linux system: exempt without Linux, unread if its files cannot be read.
import { guessOperatingSystem, LINUX_ROLES, LINUX_TYPES } from '../../volume/operating-system.ts';
import type { CheckFacts } from '../check-facts.ts';
import type { CheckResult } from '../check-report.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { orUnread, type Rule, unlessOsDisk, unread, type Verdict } from '../rule.ts';
import { hasRole, holds } from '../volumes.ts';

interface LinuxRule extends Pick<Rule, 'id' | 'group' | 'title' | 'reason'> {
  readonly run: (system: LinuxSystem, facts: CheckFacts) => Verdict | Promise<Verdict>;
}

/** Exempts disks without an operating system. */
export function unlessSystem(facts: CheckFacts): string | undefined {
  return unlessOsDisk(facts) ?? (facts.guest?.kind === 'none' ? 'no operating system' : undefined);
}

/** Whether the disk looks like Windows and has no volume that could be Linux. */
export function isWindows({ guest, layout }: CheckFacts): boolean {
  if (guest?.kind === 'linux' || guessOperatingSystem(layout)?.family !== 'windows') return false;
  return !layout.volumes.some((volume) => hasRole(volume, ...LINUX_ROLES) || holds(volume, ...LINUX_TYPES));
}

export function linuxRule({ run, ...rest }: LinuxRule): Rule {
  return {
    ...rest,
    level: 'B',
    exempt: (facts) => unlessSystem(facts) ?? (isWindows(facts) ? 'Windows' : undefined),
    run: async (facts) => {
      if (facts.guest?.kind !== 'linux') {
        return unread('the file system was not examined', 'Check it in the running machine.');
      }
      const verdicts: [name: string, verdict: Verdict][] = [];
      for (const { name, system } of facts.guest.systems) {
        verdicts.push([name, await orUnread(async () => await run(system, facts))]);
      }
      return worstOf(verdicts);
    },
  };
}

const WORST_FIRST: readonly CheckResult[] = ['fail', 'warn', 'unread', 'pass', 'not-applicable'];

/** The worst result of all installations, with the findings of each installation that has it. */
function worstOf(verdicts: readonly (readonly [name: string, verdict: Verdict])[]): Verdict {
  const [first, ...others] = verdicts;
  if (first === undefined) throw new RangeError('At least one installation is required.');
  if (others.length === 0) return first[1];
  const result = WORST_FIRST.find((one) => verdicts.some(([, verdict]) => verdict.result === one)) ?? 'unread';
  const worst = verdicts.filter(([, verdict]) => verdict.result === result);
  const found = worst.map(([name, verdict]) => `${name}: ${verdict.found}`).join('; ');
  const fix = worst[0]?.[1].fix;
  return { result, found, ...(fix === undefined ? {} : { fix }) };
}
