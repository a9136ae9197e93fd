// The rule that an operating system was found, and that nothing that may hold another one was left out.
import { printable } from '../../base/printable.ts';
import { UnreadableError } from '../../volume/file-systems/opened-file-system.ts';
import { describeVersion } from '../../volume/windows-version.ts';
import type { CheckFacts, GuestSystem } from '../check-facts.ts';
import { readDistribution } from '../guest/distribution.ts';
import type { WindowsInstallation } from '../guest/find-windows.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { readSettings } from '../guest/settings.ts';
import { pass, type Rule, unread, type Verdict } from '../rule.ts';
import { unlessSystem } from './linux-rule.ts';

export const OPERATING_SYSTEM: Rule = {
  id: 'operating-system',
  sources: ['experience'],
  level: 'B',
  group: 'system',
  title: 'Operating system read',
  reason:
    'Most rules read the files of a Linux system, or the registry of a Windows. A rule whose files cannot be read does not pass.',
  exempt: unlessSystem,
  run: async (facts) => {
    const { guest } = facts;
    if (guest?.kind !== 'linux' && guest?.kind !== 'windows') {
      return unread(guest?.kind === 'unread' ? guest.found : 'not examined', IN_THE_MACHINE);
    }
    return await foundSystems(guest, facts);
  },
};

const IN_THE_MACHINE = 'Check the requirements of the operating system in the running machine.';

/** Unread if another system, or a part of one, was not examined. */
async function foundSystems(
  guest: Extract<GuestSystem, { kind: 'linux' | 'windows' }>,
  { windows = [] }: CheckFacts,
): Promise<Verdict> {
  const found: [name: string, system: string][] = [];
  const missing = [...guest.others];
  for (const { name, system } of guest.kind === 'linux' ? guest.systems : []) {
    found.push([name, await nameOfLinux(system)]);
  }
  for (const installation of windows) {
    const result = await nameOfWindows(installation);
    if ('unread' in result) missing.push(`${installation.name}: ${result.unread}`);
    else found.push([installation.name, result.name]);
  }
  const names = found.map(([name, system]) => (found.length === 1 ? system : `${name}: ${system}`)).join(', ');
  const unknown = printable(missing.join(', '));
  if (missing.length === 0) return pass(names);
  return found.length === 0
    ? unread(unknown, IN_THE_MACHINE)
    : unread(`${names}; not examined: ${unknown}`, 'Check the rest in the running machine.');
}

/** "Red Hat Enterprise Linux 9.4 (Plow), SELinux enforcing": files that were changed outside of the machine may need new labels. */
async function nameOfLinux(system: LinuxSystem): Promise<string> {
  const { name } = await readDistribution(system);
  const mode = (await readSettings(system, '/etc/selinux/config'))?.get('SELINUX');
  if (mode === undefined || mode === 'disabled') return printable(name);
  const relabels = (await system.look('/.autorelabel')).kind !== 'absent';
  return printable(`${name}, SELinux ${mode}${relabels ? ' (sets all labels at the next start)' : ''}`);
}

async function nameOfWindows(
  installation: WindowsInstallation,
): Promise<{ readonly name: string } | { readonly unread: string }> {
  if ('unread' in installation) return installation;
  try {
    return { name: printable(describeVersion(await installation.system.version())) };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { unread: error.message };
  }
}
