// A rule that needs the files of a Linux: exempt where there is no Linux, unread where its files cannot be read.
import { guessOperatingSystem } from '../../volume/operating-system.ts';
import type { CheckFacts } from '../check-facts.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { type Rule, unlessOsDisk, unread, type Verdict } from '../rule.ts';

interface LinuxRule extends Pick<Rule, 'id' | 'group' | 'title' | 'reason'> {
  readonly run: (system: LinuxSystem, facts: CheckFacts) => Verdict | Promise<Verdict>;
}

/** For rules that ask something of an operating system. */
export function unlessSystem(facts: CheckFacts): string | undefined {
  return unlessOsDisk(facts) ?? (facts.guest?.kind === 'none' ? 'no operating system' : undefined);
}

/** Whether the disk looks like one of Windows, and no Linux was found on it. */
export function isWindows({ guest, layout }: CheckFacts): boolean {
  return guest?.kind !== 'linux' && guessOperatingSystem(layout)?.family === 'windows';
}

export function linuxRule({ run, ...rest }: LinuxRule): Rule {
  return {
    ...rest,
    level: 'B',
    exempt: (facts) => unlessSystem(facts) ?? (isWindows(facts) ? 'Windows' : undefined),
    run: (facts) =>
      facts.guest?.kind === 'linux'
        ? run(facts.guest.system, facts)
        : unread('the file system was not looked into', 'Look at it in the running machine.'),
  };
}
