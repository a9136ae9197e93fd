// Rules about the configuration of a Linux system: agent, mounts, kernel parameters, network, SSH server.
import { printable } from '../../base/printable.ts';
import type { GuestSystem } from '../check-facts.ts';
import { readKernelLine } from '../guest/kernel-line.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { readSshdSetting } from '../guest/sshd-config.ts';
import { fail, failForMarketplace, pass, type Rule, unread, type Verdict, warn } from '../rule.ts';
import { isWindows, linuxRule, unlessSystem } from './linux-rule.ts';

const SYSTEM_READ: Rule = {
  id: 'operating-system',
  level: 'B',
  group: 'system',
  title: 'Operating system read',
  reason:
    'The rules of the groups system and accounts read the files of a Linux system on ext2, ext3 or ext4. A rule whose files cannot be read does not pass.',
  exempt: unlessSystem,
  run: async (facts) => {
    const { guest } = facts;
    if (guest?.kind === 'linux') return await foundLinux(guest);
    const fix = isWindows(facts)
      ? 'Prepare Windows as Microsoft describes in "Prepare a Windows VHD or VHDX to upload to Azure": sysprep, RDP, DHCP, no BitLocker.'
      : 'Check the requirements of these groups in the running machine.';
    return unread(guest?.kind === 'unread' ? guest.found : 'not examined', fix);
  },
};

/** Unread if another system, or a part of this one, was not examined. */
async function foundLinux({ systems, others }: Extract<GuestSystem, { kind: 'linux' }>): Promise<Verdict> {
  const names: string[] = [];
  for (const { name, system } of systems) {
    names.push(systems.length === 1 ? await nameOf(system) : `${name}: ${await nameOf(system)}`);
  }
  const found = names.join(', ');
  return others.length === 0
    ? pass(found)
    : unread(`${found}; not examined: ${printable(others.join(', '))}`, 'Check the rest in the running machine.');
}

async function nameOf(system: LinuxSystem): Promise<string> {
  const text = (await system.readText('/etc/os-release')) ?? (await system.readText('/usr/lib/os-release')) ?? '';
  const name = /^PRETTY_NAME=(["']?)(.*)\1$/m.exec(text)?.[2];
  return name === undefined ? 'a Linux without os-release' : printable(name);
}

const WAAGENT = ['/usr/sbin/waagent', '/usr/bin/waagent', '/sbin/waagent', '/usr/local/sbin/waagent'] as const;
const CLOUD_INIT = ['/usr/bin/cloud-init', '/usr/local/bin/cloud-init'] as const;

const AGENT = linuxRule({
  id: 'agent',
  group: 'system',
  title: 'Agent or cloud-init',
  reason:
    'Without the Azure Linux Agent or cloud-init, nothing sets the host name, user and SSH keys, or reports to Azure that the machine is up. The Marketplace requires the agent.',
  run: async (system, facts) => {
    const agent = await system.firstOf(WAAGENT);
    const cloudInit = await system.firstOf(CLOUD_INIT);
    const fix = 'Install walinuxagent (WALinuxAgent) or cloud-init from the distribution.';
    if (agent !== undefined) return pass(cloudInit === undefined ? agent : `${agent} and ${cloudInit}`);
    if (cloudInit === undefined) return failForMarketplace(facts, 'neither the Azure Linux Agent nor cloud-init', fix);
    return facts.purpose === 'marketplace' ? fail(`${cloudInit} alone`, fix) : pass(cloudInit);
  },
});

/** Names that no disk of a Hyper-V machine has: the boot would wait for them in vain. */
const FOREIGN_DEVICE = /^\/dev\/(?:vd|xvd|hd)[a-z]/;
/** Names that may refer to another disk at the next boot. */
const UNSTABLE_DEVICE = /^\/dev\/(?:sd[a-z]|nvme\d)/;

const FSTAB = linuxRule({
  id: 'fstab',
  group: 'system',
  title: 'Mounts by UUID',
  reason:
    'Names such as /dev/sda1 depend on the order in which disks appear, and names such as /dev/vda1 exist on other hypervisors only. A failed mount can stop the boot.',
  run: async (system) => {
    const mounts = await system.mountPoints();
    const found = mounts
      .filter(({ device }) => FOREIGN_DEVICE.test(device) || UNSTABLE_DEVICE.test(device))
      .map(({ device, path }) => printable(`${device} on ${path}`));
    const fix = 'Use UUID=... instead; blkid lists the UUIDs.';
    if (found.length === 0) return pass(mounts.length === 1 ? '1 mount' : `${mounts.length} mounts`);
    const isForeign = mounts.some(({ device }) => FOREIGN_DEVICE.test(device));
    return (isForeign ? fail : warn)(found.slice(0, 5).join(', '), fix);
  },
});

/** The verdict of `assess` on the kernel command line. */
async function assessKernelLine(
  system: LinuxSystem,
  assess: (parameters: readonly string[], path: string) => Verdict,
): Promise<Verdict> {
  const line = await readKernelLine(system);
  return line === undefined
    ? unread('no configuration of GRUB or systemd-boot was found', 'Check /proc/cmdline in the running machine.')
    : assess(line.parameters, line.path);
}

const HOW_TO_SET = 'in GRUB_CMDLINE_LINUX of /etc/default/grub, then run update-grub (grub2-mkconfig)';

const KERNEL_CONSOLE = linuxRule({
  id: 'kernel-console',
  group: 'system',
  title: 'Serial console',
  reason:
    "Azure's boot diagnostics and serial console show what the kernel writes to ttyS0. Without it, a machine that fails to boot shows nothing.",
  run: (system, facts) =>
    assessKernelLine(system, (parameters, path) => {
      const consoles = parameters.filter((parameter) => parameter.startsWith('console='));
      const found = printable(`${consoles.join(' ') || 'no console='} (${path})`);
      return consoles.some((parameter) => /^console=tty(?:S0|AMA0)\b/.test(parameter))
        ? pass(found)
        : failForMarketplace(facts, found, `Put console=tty1 console=ttyS0,115200n8 ${HOW_TO_SET}.`);
    }),
});

const KERNEL_ROOTDELAY = linuxRule({
  id: 'kernel-rootdelay',
  group: 'system',
  title: 'Delay for the root disk',
  reason: 'The root disk may appear late in Azure; rootdelay=300 makes the kernel wait for it.',
  run: (system) =>
    assessKernelLine(system, (parameters, path) => {
      const delay = parameters.findLast((parameter) => parameter.startsWith('rootdelay='));
      const found = printable(`${delay ?? 'no rootdelay='} (${path})`);
      return delay !== undefined && Number(delay.slice('rootdelay='.length)) >= 300
        ? pass(found)
        : warn(found, `Put rootdelay=300 ${HOW_TO_SET}.`);
    }),
});

const KERNEL_MESSAGES = linuxRule({
  id: 'kernel-messages',
  group: 'system',
  title: 'Kernel messages shown',
  reason:
    'rhgb and quiet hide the messages that the serial console should show, and crashkernel=auto reserves memory that small machines need.',
  run: (system) =>
    assessKernelLine(system, (parameters, path) => {
      const unwanted = parameters.filter((parameter) => ['rhgb', 'quiet', 'crashkernel=auto'].includes(parameter));
      return unwanted.length === 0
        ? pass(printable(`no rhgb, quiet, crashkernel=auto (${path})`))
        : warn(
            printable(`${unwanted.join(' ')} (${path})`),
            'Remove them from /etc/default/grub, then run update-grub (grub2-mkconfig).',
          );
    }),
});

const NET_RULES = [
  '/etc/udev/rules.d/70-persistent-net.rules',
  '/etc/udev/rules.d/75-persistent-net-generator.rules',
  '/lib/udev/rules.d/75-persistent-net-generator.rules',
  '/usr/lib/udev/rules.d/75-persistent-net-generator.rules',
] as const;

/** Only files count: the agent disables a generator by a link to /dev/null. */
const NETWORK_RULES = linuxRule({
  id: 'persistent-net-rules',
  group: 'system',
  title: 'No persistent-net rules',
  reason: 'A rule that ties eth0 to the MAC address of the old machine leaves the new one without a network.',
  run: async (system) => {
    const found: string[] = [];
    for (const path of NET_RULES) {
      const entry = await system.look(path);
      if (entry.kind === 'file' && entry.size > 0) found.push(path);
    }
    return found.length === 0 ? pass('no persistent-net rules') : warn(found.join(', '), 'Remove them.');
  },
});

const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/sbin/sshd', '/usr/bin/sshd'] as const;

const SSHD_KEEPALIVE = linuxRule({
  id: 'sshd-keepalive',
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

export const LINUX_SYSTEM_RULES: readonly Rule[] = [
  SYSTEM_READ,
  AGENT,
  FSTAB,
  KERNEL_CONSOLE,
  KERNEL_ROOTDELAY,
  KERNEL_MESSAGES,
  NETWORK_RULES,
  SSHD_KEEPALIVE,
];
