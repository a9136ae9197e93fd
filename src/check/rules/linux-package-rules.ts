// Rules about programs that a Linux needs in Azure, and about swap. Programs are found by their files: databases of RPM are not read.
import type { Distribution } from '../guest/distribution.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { findInPython } from '../guest/python-packages.ts';
import { isVersionAtLeast } from '../guest/version-numbers.ts';
import type { Rule } from '../rule.ts';
import { linuxRule } from './linux-rule.ts';
import { failForMarketplaceOf, type Problem, warnOf } from './problems.ts';

interface Need {
  readonly name: string;
  /** The files, one of which is enough. */
  readonly files: readonly string[];
  readonly packages: { readonly redhat: string; readonly suse: string; readonly debian: string };
}

const DAEMONS: Need = {
  name: 'the Hyper-V daemons (hv_kvp_daemon)',
  files: [
    '/usr/sbin/hypervkvpd',
    '/usr/sbin/hv_kvp_daemon',
    '/usr/bin/hv_kvp_daemon',
    '/usr/lib/hyper-v/bin/hv_kvp_daemon',
  ],
  packages: { redhat: 'hyperv-daemons', suse: 'hyper-v', debian: 'hyperv-daemons (Ubuntu: linux-cloud-tools-common)' },
};

/** They grow the root partition to the size of the disk. */
const GROWING: readonly Need[] = [
  {
    name: 'growpart',
    files: ['/usr/bin/growpart', '/usr/sbin/growpart'],
    packages: { redhat: 'cloud-utils-growpart', suse: 'growpart', debian: 'cloud-guest-utils' },
  },
  {
    name: 'sgdisk',
    files: ['/usr/sbin/sgdisk', '/sbin/sgdisk', '/usr/bin/sgdisk'],
    packages: { redhat: 'gdisk', suse: 'gptfdisk', debian: 'gdisk' },
  },
];

function install({ family }: Distribution, { packages }: Need): string {
  if (family === 'redhat') return `sudo yum install ${packages.redhat}`;
  return family === 'suse' ? `sudo zypper install ${packages.suse}` : `sudo apt install ${packages.debian}`;
}

/** Ubuntu has the daemons of each kernel in a folder of its own. */
async function isThere(system: LinuxSystem, { files, name }: Need): Promise<boolean> {
  if ((await system.firstOf(files)) !== undefined) return true;
  if (name !== DAEMONS.name) return false;
  const kernels = await system.names('/usr/lib/linux-tools');
  return (await system.firstOf(kernels.map((kernel) => `/usr/lib/linux-tools/${kernel}/hv_kvp_daemon`))) !== undefined;
}

const LIBRARY_FOLDERS = [
  '/usr/lib64',
  '/lib64',
  '/usr/lib/x86_64-linux-gnu',
  '/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/lib/aarch64-linux-gnu',
  '/usr/lib',
  '/lib',
] as const;

/** "libcrypto.so.3", "libcrypto.so.1.0.0"; Red Hat's libcrypto.so.10 and .6 belong to 1.0 and 0.9.8. */
async function hasOpenSsl(system: LinuxSystem): Promise<boolean> {
  for (const folder of LIBRARY_FOLDERS) {
    for (const name of await system.names(folder)) {
      const version = /^libcrypto\.so\.(\d[\d.]*)$/.exec(name)?.[1];
      if (version !== undefined && isVersionAtLeast(version, '0.9.8')) return true;
    }
  }
  return false;
}

const PYTHON_FOLDERS = ['/usr/bin', '/usr/libexec', '/usr/lib', '/usr/lib64'] as const;

/** Programs and folders of libraries: "python2.6", "python3.11", "platform-python3.6". */
async function hasPython(system: LinuxSystem): Promise<boolean> {
  for (const folder of PYTHON_FOLDERS) {
    for (const name of await system.names(folder)) {
      const version = /^(?:platform-)?python(\d+\.\d+)$/.exec(name)?.[1];
      if (version !== undefined && isVersionAtLeast(version, '2.6')) return true;
    }
  }
  return false;
}

const PACKAGES = linuxRule({
  id: 'packages',
  sources: ['linux', 'certification', 'redHat', 'debian', 'ubuntu'],
  group: 'system',
  title: 'Programs for Azure',
  reason:
    'The daemons report to Hyper-V, growpart and sgdisk fit the root partition to a larger disk, and the agent needs Python 2.6, OpenSSL 0.9.8 and on version 6 of Red Hat python-pyasn1.',
  exemptDistribution: ({ family }) => (family === 'flatcar' ? 'Flatcar brings its own' : undefined),
  run: async (system, _, distribution) => {
    const isOld = distribution.family === 'redhat' && distribution.familyMajor <= 6;
    const problems: Problem[] = [];
    for (const need of [DAEMONS, ...(isOld ? [] : GROWING)]) {
      if (!(await isThere(system, need))) problems.push({ found: `no ${need.name}`, fix: install(distribution, need) });
    }
    if (isOld && (await findInPython(system, 'pyasn1')) === undefined) {
      problems.push({ found: 'no python-pyasn1', fix: 'sudo yum install python-pyasn1' });
    }
    if (!(await hasPython(system))) problems.push({ found: 'no Python 2.6 or later', fix: 'install python3' });
    if (!(await hasOpenSsl(system))) problems.push({ found: 'no OpenSSL 0.9.8 or later', fix: 'install openssl' });
    return warnOf(problems, 'all are installed');
  },
});

const SWAP_FILES = ['/swapfile', '/swap.img', '/swap/swapfile'] as const;

/** Where distributions mount the temporary disk: a swap file there is not on this disk. */
const ON_TEMPORARY_DISK = /^\/mnt\/(?:resource\/)?/;

const SWAP_FILE = linuxRule({
  id: 'swap-file',
  sources: ['ubuntu', 'linux', 'redHat'],
  group: 'system',
  title: 'No swap on the OS disk',
  reason: 'Swap on the OS disk is slow and costs money. The agent or cloud-init creates it on the temporary disk.',
  run: async (system, facts) => {
    const problems: Problem[] = [];
    for (const { device, fileSystem } of await system.mountPoints()) {
      if (fileSystem !== 'swap' || ON_TEMPORARY_DISK.test(device)) continue;
      const pattern = device.replace(/[^\w=-]/g, '.');
      problems.push({
        found: `swap on ${device} in /etc/fstab`,
        fix: `sudo swapoff -a; sudo sed -i '/^${pattern}\\s/d' /etc/fstab`,
      });
    }
    for (const path of SWAP_FILES) {
      if ((await system.look(path)).kind === 'file')
        problems.push({ found: path, fix: `sudo swapoff ${path}; sudo rm ${path}` });
    }
    return failForMarketplaceOf(facts, problems, 'none in /etc/fstab, no swap file');
  },
});

export const LINUX_PACKAGE_RULES: readonly Rule[] = [PACKAGES, SWAP_FILE];
