// Rules about versions: of the kernel and of the distribution.
import { printable } from '../../base/printable.ts';
import { posixWord } from '../../base/shell-word.ts';
import { linesOf } from '../../volume/fstab.ts';
import { type Distribution, isAtLeast } from '../guest/distribution.ts';
import { defaultKernel, kernelVersions, moduleOf } from '../guest/kernels.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { fail, onlyFor, pass, type Rule, unread, warn } from '../rule.ts';
import { linuxRule } from './linux-rule.ts';
import { hasSackFix, type KernelVendor } from './sack-kernels.ts';

const NO_KERNEL = unread('no kernel was found', 'Check it in the running machine: uname -r.');

const KERNEL_LIS = linuxRule({
  id: 'kernel-lis',
  sources: ['linux', 'centOs'],
  group: 'system',
  title: 'Drivers for Hyper-V installed',
  reason:
    'The kernels of RHEL and CentOS 6.0 to 6.3 have no drivers for Hyper-V. Without the Linux Integration Services, the machine does not find its disk.',
  exemptDistribution: (distribution) =>
    distribution.family === 'redhat' && distribution.familyMajor === 6 && !isAtLeast(distribution, [6, 4])
      ? undefined
      : `the kernel of ${printable(distribution.name)} has them`,
  run: async (system) => {
    const kernel = await defaultKernel(system);
    if (kernel === undefined) return NO_KERNEL;
    const place = await moduleOf(system, kernel, 'hv_vmbus');
    const ofKernel = printable(`kernel ${kernel.version}`);
    if (place === 'unknown')
      return unread(`${ofKernel} has no list of modules`, 'Check in the guest: modinfo hv_vmbus.');
    return place === 'absent'
      ? warn(`${ofKernel} has no hv_vmbus`, 'Run in the guest: sudo yum install microsoft-hyper-v')
      : pass(`${ofKernel} has hv_vmbus`);
  },
});

function vendorOf({ family, id }: Distribution, version: string): KernelVendor | undefined {
  if (id === 'ol' && version.includes('uek')) return 'oracle';
  return family === 'redhat' || family === 'suse' || family === 'ubuntu' || family === 'debian' ? family : undefined;
}

const KERNEL_SACK = linuxRule({
  id: 'kernel-sack',
  sources: ['certification'],
  group: 'system',
  title: 'Kernel without SACK panic',
  reason:
    'The Marketplace rejects kernels that anybody can stop over the network (CVE-2019-11477, 2019-11478, 2019-11479).',
  exempt: onlyFor('marketplace'),
  run: async (system, _, distribution) => {
    const kernel = await defaultKernel(system);
    if (kernel === undefined) return NO_KERNEL;
    const { version } = kernel;
    const packaged = distribution.family === 'debian' ? await debianVersion(system, version) : version;
    const found = printable(`kernel ${packaged ?? version}`);
    const vendor = packaged === undefined ? undefined : vendorOf(distribution, version);
    const isFixed = hasSackFix(vendor, packaged ?? version);
    if (isFixed === true) return pass(found);
    return isFixed === false
      ? warn(`${found}, which has the fault`, 'Update the kernel from the distribution, and restart.')
      : unread(
          `${found}, which the table of the Marketplace does not have`,
          'Check that its changelog names CVE-2019-11477.',
        );
  },
});

/** The name of a Debian kernel has the version of its interface; the version of its sources is in the list of packages. */
async function debianVersion(system: LinuxSystem, version: string): Promise<string | undefined> {
  const status = (await system.readLongText('/var/lib/dpkg/status')) ?? '';
  const start = status.indexOf(`Package: linux-image-${version}\n`);
  if (start < 0) return undefined;
  return linesOf(status.slice(start, start + 10_000))
    .find((line) => line.startsWith('Version: '))
    ?.slice('Version: '.length);
}

const ORACLE_UEK2 = linuxRule({
  id: 'oracle-uek2',
  sources: ['oracle'],
  group: 'system',
  title: 'No UEK2',
  reason: "Oracle's Unbreakable Enterprise Kernel 2 has no drivers for Hyper-V.",
  exemptDistribution: ({ id }) => (id === 'ol' ? undefined : 'only for Oracle Linux'),
  run: async (system) => {
    const kernel = await defaultKernel(system);
    if (kernel === undefined) return NO_KERNEL;
    const found = printable(`kernel ${kernel.version}`);
    if (!/^2\.6\.39-.*uek/.test(kernel.version)) return pass(found);
    const others = (await kernelVersions(system)).filter((version) => !version.startsWith('2.6.39-'));
    const fix =
      others.length === 0
        ? 'Install a later kernel: sudo yum install kernel-uek from the repository UEKR4, or kernel.'
        : `Make another kernel the default: sudo grubby --set-default ${posixWord(`/boot/vmlinuz-${others.at(-1)}`)}`;
    return fail(`${found} is started`, printable(fix));
  },
});

/** The oldest version, by ID of os-release. */
const TRUSTED_LAUNCH: Readonly<Record<string, readonly [major: number, minor: number]>> = {
  almalinux: [8, 7],
  azurelinux: [1, 0],
  mariner: [1, 0],
  debian: [11, 0],
  ol: [8, 3],
  rhel: [8, 6],
  rocky: [8, 6],
  sles: [15, 3],
  sles_sap: [15, 3],
  ubuntu: [18, 4],
};

/** Of the group "boot". */
export const TRUSTED_LAUNCH_RULE: Rule = linuxRule({
  id: 'trusted-launch',
  sources: ['trustedLaunch'],
  group: 'boot',
  title: 'Trusted Launch',
  reason:
    'Machines of generation 2 use Trusted Launch by default: Secure Boot and a virtual TPM. Microsoft supports it for these distributions and later ones; others may not boot.',
  exempt: ({ generation }) => (generation === 2 ? undefined : 'only for generation 2'),
  run: (_, __, distribution) => {
    const name = printable(distribution.name);
    const least = TRUSTED_LAUNCH[distribution.id];
    const fix = 'Create the machine with --security-type Standard, unless a test with Secure Boot succeeds.';
    if (least === undefined) return warn(`${name} is not in the list of Trusted Launch`, fix);
    if (distribution.major === 0) return unread(`${name}, whose version is not known`, fix);
    return isAtLeast(distribution, least) ? pass(name) : warn(`${name} is older than ${least.join('.')}`, fix);
  },
});

export const LINUX_VERSION_RULES: readonly Rule[] = [KERNEL_LIS, KERNEL_SACK, ORACLE_UEK2];
