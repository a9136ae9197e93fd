// Rules about the ways into a Linux: the SSH server and sudo.
import { printable } from '../../base/printable.ts';
import { posixWord } from '../../base/shell-word.ts';
import { linesOf } from '../../volume/fstab.ts';
import type { Distribution } from '../guest/distribution.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { startedBy } from '../guest/services.ts';
import { readSshdSetting } from '../guest/sshd-config.ts';
import { failForMarketplace, notApplicable, pass, type Rule } from '../rule.ts';
import { linuxRule } from './linux-rule.ts';
import { failForMarketplaceOf, type Problem } from './problems.ts';

const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/sbin/sshd', '/usr/bin/sshd'] as const;

const SSHD_KEEPALIVE = linuxRule({
  id: 'sshd-keepalive',
  sources: ['certification'],
  group: 'system',
  title: 'SSH keepalive',
  reason:
    "Azure's load balancers drop connections that are idle for 4 minutes. The Marketplace requires a ClientAliveInterval of 30 to 235 seconds; 180 is recommended.",
  run: async (system, facts) => {
    const fix = 'Set ClientAliveInterval 180 in /etc/ssh/sshd_config.';
    if ((await system.firstOf(SSHD)) === undefined) {
      return failForMarketplace(facts, 'no SSH server', 'Install openssh-server.');
    }
    const setting = await readSshdSetting(system, 'ClientAliveInterval');
    if (setting === undefined) return failForMarketplace(facts, 'ClientAliveInterval is not set', fix);
    const found = printable(`ClientAliveInterval ${setting.value} (${setting.path})`);
    const seconds = secondsOf(setting.value);
    return seconds >= 30 && seconds <= 235 ? pass(found) : failForMarketplace(facts, found, fix);
  },
});

/** A time in the notation of sshd: "180", "3m", "2m30s". */
function secondsOf(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  if (!/^(?:\d+[smhdw])+$/i.test(text)) return Number.NaN;
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  return [...text.toLowerCase().matchAll(/(\d+)([smhdw])/g)].reduce(
    (sum, [, count, unit = 's']) => sum + Number(count) * (units[unit] ?? 1),
    0,
  );
}

/** Since Ubuntu 22.10, systemd starts the server with the first connection. */
const SSHD_UNITS = ['ssh.service', 'sshd.service', 'ssh.socket', 'sshd.socket'] as const;

const SSHD_ENABLED = linuxRule({
  id: 'sshd-enabled',
  sources: ['linux', 'redHat', 'certification'],
  group: 'system',
  title: 'SSH server starts',
  reason: 'SSH is the way into a Linux in Azure. A server that does not start with the system locks everybody out.',
  run: async (system, facts) => {
    if ((await system.firstOf(SSHD)) === undefined) {
      return failForMarketplace(facts, 'no SSH server', 'Install openssh-server.');
    }
    const found = await startedBy(system, SSHD_UNITS);
    return found === undefined
      ? failForMarketplace(
          facts,
          'nothing starts sshd with the system',
          'Run in the guest: sudo systemctl enable sshd (on Debian and Ubuntu: ssh)',
        )
      : pass(found);
  },
});

/** OpenSSH 7.0 changed it to prohibit-password; Red Hat did so with RHEL 9. */
function defaultRootLogin({ family, familyMajor }: Distribution): string {
  const isOld =
    (family === 'redhat' && familyMajor < 9) ||
    (family === 'suse' && familyMajor < 15) ||
    (family === 'debian' && familyMajor < 8);
  return isOld ? 'yes' : 'prohibit-password';
}

const ROOT_LOGIN = linuxRule({
  id: 'root-login',
  sources: ['redHat', 'centOs', 'experience'],
  group: 'accounts',
  title: 'root cannot log in with a password',
  reason: 'A machine with a public address is attacked within minutes, and root is the name that attackers know.',
  run: async (system, facts, distribution) => {
    if ((await system.firstOf(SSHD)) === undefined) return notApplicable('no SSH server');
    const setting = await readSshdSetting(system, 'PermitRootLogin');
    const value = (setting?.value ?? defaultRootLogin(distribution)).toLowerCase();
    const found = printable(`PermitRootLogin ${value} (${setting?.path ?? 'not set: the default'})`);
    return value === 'yes'
      ? failForMarketplace(facts, found, "Run in the guest: sudo sed -i '1i PermitRootLogin no' /etc/ssh/sshd_config")
      : pass(found);
  },
});

const SUDOERS = ['/etc/sudoers', '/usr/etc/sudoers'] as const;
const SUDOERS_FOLDERS = ['/etc/sudoers.d', '/usr/etc/sudoers.d'] as const;

/** The line that SUSE has only together with targetpw: without it, every user is root with a password of their own. */
const FOR_ALL = /^ALL\s+ALL\s*=\s*\(ALL(?::ALL)?\)\s*ALL\b/;

/** sudo ignores names with a dot or a tilde in these folders. */
async function sudoersFiles(system: LinuxSystem): Promise<readonly string[]> {
  const files: string[] = [...SUDOERS];
  for (const folder of SUDOERS_FOLDERS) {
    const names = (await system.names(folder)).filter((name) => !/[.~]/.test(name));
    files.push(...names.map((name) => `${folder}/${name}`));
  }
  return files;
}

function isTargetPassword(line: string): boolean {
  const settings = /^Defaults\s+(.*)$/.exec(line.replace(/\s#.*$/, ''))?.[1] ?? '';
  return settings.split(',').some((setting) => setting.trim() === 'targetpw');
}

const SUDOERS_TARGETPW = linuxRule({
  id: 'sudoers-targetpw',
  sources: ['suse'],
  group: 'accounts',
  title: 'sudo asks for the own password',
  reason: 'With targetpw, sudo asks for the password of root, which no machine in Azure has: nobody can administer it.',
  run: async (system, facts) => {
    const problems: Problem[] = [];
    for (const path of await sudoersFiles(system)) {
      for (const line of linesOf((await system.readText(path)) ?? '')) {
        if (isTargetPassword(line) || FOR_ALL.test(line)) {
          const pattern = isTargetPassword(line) ? 'Defaults.*targetpw' : 'ALL\\s\\+ALL';
          problems.push({ found: `"${line}" in ${path}`, fix: `sudo sed -i 's/^${pattern}/# &/' ${posixWord(path)}` });
        }
      }
    }
    return failForMarketplaceOf(facts, problems, 'no targetpw');
  },
});

export const LINUX_ACCESS_RULES: readonly Rule[] = [SSHD_KEEPALIVE, SSHD_ENABLED];
/** Of the group "accounts". */
export const LOGIN_RULES: readonly Rule[] = [ROOT_LOGIN, SUDOERS_TARGETPW];
