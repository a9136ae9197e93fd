// FreeBSD and OpenBSD: vhdup does not read UFS and FFS, so the rules say what to check in the machine.
import { type Rule, unlessOsDisk, unread } from '../rule.ts';
import { bsdOn } from './linux-rule.ts';

function bsdRule(
  name: 'FreeBSD' | 'OpenBSD',
  {
    fileSystem,
    fix,
    ...rest
  }: Pick<Rule, 'id' | 'sources' | 'reason'> & { readonly fileSystem: string; readonly fix: string },
): Rule {
  return {
    ...rest,
    level: 'B',
    group: 'system',
    title: `${name} for Azure`,
    exempt: (facts) => unlessOsDisk(facts) ?? (bsdOn(facts) === name ? undefined : `no ${name}`),
    run: () => unread(`${name}: vhdup does not read ${fileSystem}`, fix),
  };
}

const FREEBSD = bsdRule('FreeBSD', {
  id: 'freebsd',
  sources: ['freeBsd'],
  reason:
    'The machine needs its address by DHCP on hn0, SSH, the agent, the serial console, and file systems by label.',
  fileSystem: 'UFS and ZFS',
  fix: 'Check in the machine: ifconfig_hn0="SYNCDHCP", sshd_enable="YES" and waagent_enable="YES" in /etc/rc.conf; console="comconsole vidconsole" and comconsole_speed="115200" in /boot/loader.conf; labels in /etc/fstab.',
});

const OPENBSD = bsdRule('OpenBSD', {
  id: 'openbsd',
  sources: ['openBsd'],
  reason: 'The machine needs its address by DHCP on hvn0, the serial console and the agent.',
  fileSystem: 'FFS',
  fix: 'Check in the machine: dhcp in /etc/hostname.hvn0; "stty com0 115200" and "set tty com0" in /etc/boot.conf; waagent -register-service.',
});

export const BSD_RULES: readonly Rule[] = [FREEBSD, OPENBSD];
