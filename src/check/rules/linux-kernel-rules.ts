// Rules about the command line of the kernel.
import { printable } from '../../base/printable.ts';
import type { Distribution } from '../guest/distribution.ts';
import { type KernelLine, readKernelLine } from '../guest/kernel-line.ts';
import { defaultKernel } from '../guest/kernels.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { isVersionAtLeast } from '../guest/version-numbers.ts';
import { failForMarketplace, pass, type Rule, unread, type Verdict, warn } from '../rule.ts';
import { linuxRule, onlyFamily } from './linux-rule.ts';

/** The verdict of `assess` on the kernel command line. */
async function assessKernelLine(system: LinuxSystem, assess: (line: KernelLine) => Verdict): Promise<Verdict> {
  const line = await readKernelLine(system);
  return line === undefined
    ? unread('no configuration of GRUB or systemd-boot was found', 'Check /proc/cmdline in the running machine.')
    : assess(line);
}

/** The command that adds parameters in every kernel entry. */
export function addParameters({ family }: Distribution, parameters: string): string {
  if (family === 'redhat') return `Run in the guest: sudo grubby --update-kernel=ALL --args="${parameters}"`;
  const makeMenu = family === 'suse' ? 'grub2-mkconfig -o /boot/grub2/grub.cfg' : 'update-grub';
  return `Run in the guest: sudo sed -i 's/^GRUB_CMDLINE_LINUX_DEFAULT="/&${parameters} /' /etc/default/grub && sudo ${makeMenu}`;
}

function removeParameters({ family }: Distribution, parameters: readonly string[]): string {
  if (family === 'redhat')
    return `Run in the guest: sudo grubby --update-kernel=ALL --remove-args="${parameters.join(' ')}"`;
  const makeMenu = family === 'suse' ? 'grub2-mkconfig -o /boot/grub2/grub.cfg' : 'update-grub';
  const edits = parameters.map((parameter) => `-e 's/ *${parameter.replaceAll('/', '\\/')}\\b//g'`);
  return `Run in the guest: sudo sed -i ${edits.join(' ')} /etc/default/grub && sudo ${makeMenu}`;
}

const KERNEL_CONSOLE = linuxRule({
  id: 'kernel-console',
  sources: ['certification', 'linux'],
  group: 'system',
  title: 'Serial console',
  reason:
    "Azure's boot diagnostics and serial console show what the kernel writes to ttyS0, and with earlyprintk also the first messages. Without it, a machine that fails to boot shows nothing.",
  run: (system, facts, distribution) =>
    assessKernelLine(system, ({ parameters, path }) => {
      const consoles = parameters.filter((parameter) => /^(?:console|earlyprintk|earlycon)=/.test(parameter));
      const isArm = consoles.some((parameter) => /^console=ttyAMA0\b/.test(parameter));
      const missing = [
        ...(isArm || consoles.some((parameter) => /^console=ttyS0\b/.test(parameter)) ? [] : ['console=ttyS0']),
        ...(consoles.some((parameter) => isEarly(parameter, isArm))
          ? []
          : [isArm ? 'earlycon=pl011' : 'earlyprintk=ttyS0']),
      ];
      const found = `${consoles.join(' ') || 'no console='} (${path})`;
      if (missing.length === 0) return pass(printable(found));
      const wanted = isArm ? missing.join(' ') : 'console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0,115200';
      return failForMarketplace(
        facts,
        printable(`${found}: no ${missing.join(', no ')}`),
        addParameters(distribution, wanted),
      );
    }),
});

/** Machines with Arm processors have another serial port, for which the kernel uses earlycon. */
function isEarly(parameter: string, isArm: boolean): boolean {
  return isArm ? parameter.startsWith('earlycon=') : /^earlyprintk=(?:serial,)?ttyS0\b/.test(parameter);
}

/** The guides of Red Hat, Oracle and SUSE do not ask for it; that of CentOS does, up to version 7. */
function withoutRootDelay({ family, id, familyMajor, name }: Distribution): string | undefined {
  const hasOwnGuide = ['redhat', 'suse', 'azurelinux', 'flatcar'].includes(family);
  const isOld = family === 'redhat' && id !== 'ol' && (id === 'centos' ? familyMajor <= 7 : familyMajor <= 6);
  return hasOwnGuide && !isOld ? `the guide for ${printable(name)} does not ask for it` : undefined;
}

const KERNEL_ROOTDELAY = linuxRule({
  id: 'kernel-rootdelay',
  sources: ['linux', 'ubuntu', 'centOs'],
  group: 'system',
  title: 'Delay for the root disk',
  reason: 'The root disk may appear late in Azure; rootdelay=300 makes the kernel wait for it.',
  exemptDistribution: withoutRootDelay,
  run: (system, _, distribution) =>
    assessKernelLine(system, ({ parameters, path }) => {
      const delay = parameters.findLast((parameter) => parameter.startsWith('rootdelay='));
      const found = printable(`${delay ?? 'no rootdelay='} (${path})`);
      return delay !== undefined && Number(delay.slice('rootdelay='.length)) >= 300
        ? pass(found)
        : warn(found, addParameters(distribution, 'rootdelay=300'));
    }),
});

/** The guide for Ubuntu has `quiet splash` in its own line; that for SUSE has `crashkernel` with sizes. */
function unwantedMessages({ family }: Distribution): readonly string[] {
  if (family === 'ubuntu') return ['crashkernel=auto'];
  return ['rhgb', 'quiet', 'crashkernel=auto', ...(family === 'suse' ? ['splash=silent'] : [])];
}

const KERNEL_MESSAGES = linuxRule({
  id: 'kernel-messages',
  sources: ['linux', 'redHat', 'oracle', 'suse'],
  group: 'system',
  title: 'Kernel messages shown',
  reason:
    'rhgb and quiet hide the messages that the serial console should show, and crashkernel=auto reserves memory that small machines need.',
  run: (system, _, distribution) =>
    assessKernelLine(system, ({ parameters, path }) => {
      const unwanted = unwantedMessages(distribution);
      const found = unwanted.filter((parameter) => parameters.includes(parameter));
      return found.length === 0
        ? pass(printable(`no ${unwanted.join(', ')} (${path})`))
        : warn(printable(`${found.join(' ')} (${path})`), removeParameters(distribution, found));
    }),
});

/** The guides of Ubuntu and SUSE do not ask for it, and Linux had no other names before RHEL 7. */
function withoutNames({ family, familyMajor, name }: Distribution): string | undefined {
  if (family === 'redhat' && familyMajor <= 6) return `${printable(name)} has no other names`;
  const isWithout = ['ubuntu', 'suse', 'azurelinux', 'flatcar'].includes(family);
  return isWithout ? `the guide for ${printable(name)} does not ask for it` : undefined;
}

const KERNEL_NAMES = linuxRule({
  id: 'kernel-names',
  sources: ['linux', 'redHat', 'oracle'],
  group: 'system',
  title: 'Names of network cards',
  reason:
    'With net.ifnames=0 the network card is eth0 on every machine. Other names depend on the hardware, and a configuration for the old name leaves the new machine without a network.',
  exemptDistribution: withoutNames,
  run: (system, _, distribution) =>
    assessKernelLine(system, ({ parameters, path }) => {
      const setting = parameters.findLast((parameter) => parameter.startsWith('net.ifnames='));
      const found = printable(`${setting ?? 'no net.ifnames='} (${path})`);
      return setting === 'net.ifnames=0' ? pass(found) : warn(found, addParameters(distribution, 'net.ifnames=0'));
    }),
});

const KERNEL_NUMA = linuxRule({
  id: 'kernel-numa',
  sources: ['linux', 'centOs'],
  group: 'system',
  title: 'NUMA',
  reason:
    'Kernels before 2.6.37 (Red Hat: 2.6.32-504) do not support the NUMA of Hyper-V, and need numa=off to start on larger machines.',
  run: async (system, _, distribution) => {
    const kernel = await defaultKernel(system);
    if (kernel === undefined) return unread('no kernel was found', 'Check it in the running machine: uname -r.');
    const { version, line } = kernel;
    if (isVersionAtLeast(version, distribution.family === 'redhat' ? '2.6.32-504' : '2.6.37')) {
      return pass(printable(`kernel ${version}`));
    }
    const isOff = line?.parameters.includes('numa=off') === true;
    return isOff
      ? pass(printable(`kernel ${version} with numa=off`))
      : warn(printable(`kernel ${version} without numa=off`), addParameters(distribution, 'numa=off'));
  },
});

const UNWANTED_ATA = ['libata.atapi_enabled=0', 'reserve=0x1f0,0x8'];

const KERNEL_ATAPI = linuxRule({
  id: 'kernel-atapi',
  sources: ['suse'],
  group: 'system',
  title: 'DVD drive enabled',
  reason: 'Azure hands the settings of a new machine over on a DVD. These parameters hide the drive.',
  exemptDistribution: onlyFamily('suse'),
  run: (system, _, distribution) =>
    assessKernelLine(system, ({ parameters, path }) => {
      const found = UNWANTED_ATA.filter((parameter) => parameters.includes(parameter));
      return found.length === 0
        ? pass(printable(`no ${UNWANTED_ATA.join(', no ')} (${path})`))
        : warn(printable(`${found.join(' ')} (${path})`), removeParameters(distribution, found));
    }),
});

export const LINUX_KERNEL_RULES: readonly Rule[] = [
  KERNEL_CONSOLE,
  KERNEL_ROOTDELAY,
  KERNEL_MESSAGES,
  KERNEL_NAMES,
  KERNEL_NUMA,
  KERNEL_ATAPI,
];
