// Rules that need the files of a Linux system: exempt without Linux, unread if its files cannot be read.
import { printable } from '../../base/printable.ts';
import { guessOperatingSystem, LINUX_ROLES, LINUX_TYPES } from '../../volume/operating-system.ts';
import type { CheckFacts } from '../check-facts.ts';
import { type Distribution, type Family, readDistribution } from '../guest/distribution.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { notApplicable, orUnread, type Rule, unlessOsDisk, unread, type Verdict } from '../rule.ts';
import { type Bsd, bsdIn, hasRole, holds } from '../volumes.ts';
import { worstOf } from './worst-of.ts';

interface LinuxRule extends Pick<Rule, 'id' | 'sources' | 'group' | 'title' | 'reason' | 'exempt'> {
  /** Why the rule does not apply to a distribution, or undefined if it applies. */
  readonly exemptDistribution?: (distribution: Distribution) => string | undefined;
  readonly run: (system: LinuxSystem, facts: CheckFacts, distribution: Distribution) => Verdict | Promise<Verdict>;
}

/** Exempts disks without an operating system. */
export function unlessSystem(facts: CheckFacts): string | undefined {
  return unlessOsDisk(facts) ?? (facts.guest?.kind === 'none' ? 'no operating system' : undefined);
}

/** Whether the disk has a Windows, or looks like one, and has no volume that could be Linux. */
export function isWindows({ guest, layout }: CheckFacts): boolean {
  if (guest?.kind === 'windows') return !guest.mayHoldLinux;
  if (guest?.kind === 'linux' || guessOperatingSystem(layout)?.family !== 'windows') return false;
  return !layout.volumes.some((volume) => hasRole(volume, ...LINUX_ROLES) || holds(volume, ...LINUX_TYPES));
}

/** Whether the disk looks like FreeBSD or OpenBSD and has no volume that could be Linux. */
export function bsdOn({ guest, layout }: CheckFacts): Bsd | undefined {
  return guest?.kind === 'linux' ? undefined : bsdIn(layout);
}

/** Exempts distributions other than those of a family. */
export function onlyFamily(...families: readonly Family[]): (distribution: Distribution) => string | undefined {
  return ({ family, name }) => (families.includes(family) ? undefined : `not for ${printable(name)}`);
}

export function linuxRule({ run, exempt, exemptDistribution, ...rest }: LinuxRule): Rule {
  const verdictOf = async (system: LinuxSystem, facts: CheckFacts): Promise<Verdict> => {
    const distribution = await readDistribution(system);
    const exemption = exemptDistribution?.(distribution);
    return exemption === undefined ? await run(system, facts, distribution) : notApplicable(exemption);
  };
  return {
    ...rest,
    level: 'B',
    exempt: (facts) =>
      unlessSystem(facts) ?? (isWindows(facts) ? 'Windows' : undefined) ?? bsdOn(facts) ?? exempt?.(facts),
    run: async (facts) => {
      if (facts.guest?.kind !== 'linux') {
        return unread('the file system was not examined', 'Check it in the running machine.');
      }
      const verdicts: [name: string, verdict: Verdict][] = [];
      for (const { name, system } of facts.guest.systems) {
        verdicts.push([name, await orUnread(async () => await verdictOf(system, facts))]);
      }
      return worstOf(verdicts);
    },
  };
}
