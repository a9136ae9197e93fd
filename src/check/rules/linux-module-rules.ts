// Rules about the drivers of the kernel: for the disks and networks of Hyper-V, for NVMe, and for the file systems that provisioning needs.
import { printable } from '../../base/printable.ts';
import { posixWord } from '../../base/shell-word.ts';
import { linesOf } from '../../volume/fstab.ts';
import { cloudInitVersion, findCloudInit } from '../guest/cloud-init.ts';
import type { Distribution } from '../guest/distribution.ts';
import { readKernelLine } from '../guest/kernel-line.ts';
import { defaultKernel, type Kernel, lookIntoInitrd, type ModuleName, moduleOf } from '../guest/kernels.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { layeredFiles } from '../guest/settings.ts';
import { isVersionAtLeast } from '../guest/version-numbers.ts';
import { fail, failForMarketplace, onlyGeneralized, pass, type Rule, unread, type Verdict, warn } from '../rule.ts';
import { addParameters } from './linux-kernel-rules.ts';
import { linuxRule } from './linux-rule.ts';
import { failOf, type Problem, warnOf } from './problems.ts';

const NO_KERNEL = unread('no kernel was found', 'Check it in the running machine: lsinitrd or lsinitramfs.');

/** What a kernel and its initrd have of the drivers that the boot needs. */
type Drivers =
  | { readonly kind: 'all'; readonly found: string }
  /** The kernel does not have them at all. */
  | { readonly kind: 'absent'; readonly found: string }
  | { readonly kind: 'not-in-initrd'; readonly found: string }
  | { readonly kind: 'unread'; readonly found: string };

async function lookForDrivers(system: LinuxSystem, kernel: Kernel, names: readonly ModuleName[]): Promise<Drivers> {
  const places = new Map<ModuleName, Awaited<ReturnType<typeof moduleOf>>>();
  for (const name of names) places.set(name, await moduleOf(system, kernel, name));
  const having = (place: string) => names.filter((name) => places.get(name) === place);
  const ofKernel = `kernel ${kernel.version}`;
  const absent = having('absent');
  if (absent.length > 0) return { kind: 'absent', found: `${ofKernel} has no ${absent.join(', no ')}` };
  const builtIn = having('built-in');
  if (builtIn.length === names.length) return { kind: 'all', found: `built into ${ofKernel}` };
  const needed = names.filter((name) => !builtIn.includes(name));
  const { path, missing, problem } = await lookIntoInitrd(system, kernel, needed);
  if (missing.length === 0) return { kind: 'all', found: `${needed.join(', ')} in ${path}` };
  if (problem !== undefined)
    return { kind: 'unread', found: `${missing.join(', ')} not found in what can be read of ${problem}` };
  const unknown = missing.filter((name) => places.get(name) === 'unknown');
  const place = path ?? `the boot entry: ${ofKernel} has no initrd`;
  if (unknown.length > 0) {
    return {
      kind: 'unread',
      found: `${unknown.join(', ')} not in ${place}, and what is built into ${ofKernel} is not known`,
    };
  }
  return { kind: 'not-in-initrd', found: `${missing.join(', ')} not in ${place}` };
}

/** The commands that put drivers into every initrd. */
function addDrivers({ family }: Distribution, names: readonly string[], file: string): string {
  return family === 'debian' || family === 'ubuntu'
    ? `Run in the guest: printf '%s\\n' ${names.join(' ')} | sudo tee -a /etc/initramfs-tools/modules; sudo update-initramfs -u -k all`
    : `Run in the guest: echo 'add_drivers+=" ${names.join(' ')} "' | sudo tee /etc/dracut.conf.d/${file}; sudo dracut --force --regenerate-all`;
}

const CHECK_INITRD = 'Check in the guest: lsinitrd, lsinitramfs on Debian and Ubuntu.';

const HYPER_V = ['hv_vmbus', 'hv_storvsc', 'hv_netvsc'] as const;

const HYPER_V_INITRAMFS = linuxRule({
  id: 'hyperv-initramfs',
  sources: ['linux', 'redHat', 'suse'],
  group: 'boot',
  title: 'Hyper-V drivers at boot',
  reason:
    'The kernel reaches its disk in Azure through hv_vmbus and hv_storvsc. An initrd that was made on another hypervisor often lacks them, and the boot ends without a root file system.',
  run: async (system, facts, distribution) => {
    const kernel = await defaultKernel(system);
    if (kernel === undefined) return NO_KERNEL;
    const { kind, found: text } = await lookForDrivers(system, kernel, HYPER_V);
    const found = printable(text);
    const fix = addDrivers(distribution, HYPER_V, 'azure.conf');
    switch (kind) {
      case 'all':
        return pass(found);
      case 'absent':
        return fail(
          found,
          'Install a kernel with the drivers for Hyper-V: the standard kernel of the distribution has them.',
        );
      case 'not-in-initrd':
        return failForMarketplace(facts, found, fix);
      case 'unread':
        return unread(found, CHECK_INITRD);
    }
  },
});

const NVME = ['nvme', 'nvme_core'] as const;
const NVME_TIMEOUT = 'nvme_core.io_timeout=240';

const NVME_INITRAMFS = linuxRule({
  id: 'nvme-initramfs',
  sources: ['nvme', 'redHat', 'suse', 'ubuntu', 'debian'],
  group: 'boot',
  title: 'NVMe drivers at boot',
  reason:
    'A machine of generation 2 with an NVMe controller reaches its disk through nvme. Without the timeout of 240 seconds, the kernel gives up before the platform has recovered.',
  exempt: ({ hasNvme }) => (hasNvme === true ? undefined : 'only with --nvme'),
  run: async (system, { generation }, distribution) => {
    if (generation === 1) {
      return warn('generation 1, which has no NVMe controller', 'Use generation 2: GPT and an EFI system partition.');
    }
    const kernel = await defaultKernel(system);
    if (kernel === undefined) return NO_KERNEL;
    const { kind, found: text } = await lookForDrivers(system, kernel, NVME);
    const timeout = kernel.line?.parameters.findLast((parameter) => parameter.startsWith('nvme_core.io_timeout='));
    const found = printable(`${text}; ${timeout ?? 'no nvme_core.io_timeout='}`);
    if (kind === 'unread') return unread(found, CHECK_INITRD);
    if (kind !== 'all') return warn(found, addDrivers(distribution, NVME, 'azure-nvme.conf'));
    if (kernel.line === undefined) return unread(found, 'Check /proc/cmdline in the running machine.');
    return timeout === NVME_TIMEOUT ? pass(found) : warn(found, addParameters(distribution, NVME_TIMEOUT));
  },
});

const MODPROBE_FOLDERS = [
  '/etc/modprobe.d',
  '/usr/local/lib/modprobe.d',
  '/usr/lib/modprobe.d',
  '/lib/modprobe.d',
] as const;

/** What keeps a module from being loaded: lines of modprobe.d(5), parameters of the kernel, or that there is none. */
async function obstaclesTo(system: LinuxSystem, name: ModuleName): Promise<readonly Problem[]> {
  const obstacles: Problem[] = [];
  for (const path of await layeredFiles(system, MODPROBE_FOLDERS, '.conf')) {
    const line = linesOf((await system.readText(path)) ?? '').find((candidate) => isObstacle(candidate, name));
    if (line !== undefined) {
      obstacles.push({
        found: `"${line}" in ${path}`,
        fix: `sudo sed -i -E '/^\\s*(blacklist|install)\\s+${name}\\b/d' ${posixWord(path)}`,
      });
    }
  }
  const parameters = (await readKernelLine(system))?.parameters ?? [];
  for (const parameter of parameters) {
    const listed = /^(?:module_blacklist|modprobe\.blacklist)=(.*)$/.exec(parameter)?.[1]?.split(',') ?? [];
    if (listed.includes(name)) {
      obstacles.push({
        found: `${parameter} in the kernel command line`,
        fix: `remove ${name} from ${parameter} in /etc/default/grub and make the menu again`,
      });
    }
  }
  return obstacles;
}

function isObstacle(line: string, name: string): boolean {
  const [command, module, program = ''] = line.split(/\s+/);
  if (module !== name) return false;
  return command === 'blacklist' || (command === 'install' && /(?:^|\/)(?:true|false|nologin)$/.test(program));
}

/** The obstacles, and the kernel that has no such module. Undefined if the modules of the kernel are not known. */
async function problemsOf(system: LinuxSystem, name: ModuleName): Promise<readonly Problem[] | undefined> {
  const obstacles = await obstaclesTo(system, name);
  const kernel = await defaultKernel(system);
  const place = kernel === undefined ? 'unknown' : await moduleOf(system, kernel, name);
  if (place === 'absent') {
    return [
      ...obstacles,
      { found: `kernel ${kernel?.version} has no ${name}`, fix: `install the modules of the kernel that have ${name}` },
    ];
  }
  return place === 'unknown' && obstacles.length === 0 ? undefined : obstacles;
}

function unknownModule(name: string): Verdict {
  return unread(
    `nothing forbids ${name}, but the modules of the kernel are not known`,
    `Check in the guest: modinfo ${name}.`,
  );
}

const MODULE_VFAT = linuxRule({
  id: 'module-vfat',
  sources: ['linux', 'redHat', 'suse'],
  group: 'system',
  title: 'vfat can be loaded',
  reason:
    'The EFI system partition and the media of Azure are FAT. Rules for hardening often forbid vfat, and then the boot or the provisioning fails.',
  run: async (system) => {
    const problems = await problemsOf(system, 'vfat');
    return problems === undefined ? unknownModule('vfat') : failOf(problems, 'nothing forbids vfat');
  },
});

/** Provisions a machine without the DVD, if it has SSH keys and no custom data. */
const CLOUD_INIT_WITHOUT_UDF = '21.2';

const MODULE_UDF = linuxRule({
  id: 'module-udf',
  sources: ['linux', 'redHat', 'suse'],
  group: 'system',
  title: 'udf can be loaded',
  reason:
    'Azure hands the settings of a new machine over on a DVD with UDF. Only cloud-init 21.2 and later does without, and then custom data is lost.',
  exempt: onlyGeneralized,
  run: async (system) => {
    const problems = await problemsOf(system, 'udf');
    if (problems === undefined) return unknownModule('udf');
    const version = await cloudInitVersion(system);
    const needsUdf =
      (await findCloudInit(system)) === undefined ||
      (version !== undefined && !isVersionAtLeast(version, CLOUD_INIT_WITHOUT_UDF));
    return (needsUdf ? failOf : warnOf)(problems, 'nothing forbids udf');
  },
});

/** Of the group "boot". */
export const INITRAMFS_RULES: readonly Rule[] = [HYPER_V_INITRAMFS, NVME_INITRAMFS];
export const LINUX_MODULE_RULES: readonly Rule[] = [MODULE_VFAT, MODULE_UDF];
