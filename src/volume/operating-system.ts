// Guesses the operating system on a disk, with the evidence.
import type { DiskLayout, Volume } from './disk-layout.ts';
import type { PartitionRole } from './partition-types.ts';

export interface OperatingSystemGuess {
  readonly family: 'linux' | 'windows' | 'freebsd';
  /** "Ubuntu", "Windows": from the folder of the boot loader, if there is one. */
  readonly name: string;
  /** The evidence, a noun phrase: "a recovery partition of Windows", "the registry in partition 3". */
  readonly reason: string;
  /** As the system itself states it: "20348.2113" for Windows, "24.04". Absent if its files are not read. */
  readonly version?: string;
  /** Windows: "Server", "Server Core", "Client". */
  readonly edition?: string;
}

/** Folders in EFI that installers create, in lower case. */
const BOOT_LOADERS: Readonly<Record<string, readonly [OperatingSystemGuess['family'], string]>> = {
  microsoft: ['windows', 'Windows'],
  ubuntu: ['linux', 'Ubuntu'],
  debian: ['linux', 'Debian'],
  fedora: ['linux', 'Fedora'],
  centos: ['linux', 'CentOS'],
  redhat: ['linux', 'Red Hat Enterprise Linux'],
  rocky: ['linux', 'Rocky Linux'],
  almalinux: ['linux', 'AlmaLinux'],
  oracle: ['linux', 'Oracle Linux'],
  amzn: ['linux', 'Amazon Linux'],
  azurelinux: ['linux', 'Azure Linux'],
  mariner: ['linux', 'CBL-Mariner'],
  opensuse: ['linux', 'openSUSE'],
  sles: ['linux', 'SUSE Linux Enterprise Server'],
  sle_hpc: ['linux', 'SUSE Linux Enterprise HPC'],
  arch: ['linux', 'Arch Linux'],
  grub: ['linux', 'Linux'],
  systemd: ['linux', 'Linux'],
  linux: ['linux', 'Linux'],
  flatcar: ['linux', 'Flatcar'],
  freebsd: ['freebsd', 'FreeBSD'],
};

export const LINUX_ROLES: readonly PartitionRole[] = [
  'linux-root',
  'linux',
  'linux-lvm',
  'linux-raid',
  'linux-encrypted',
  'linux-swap',
];
export const LINUX_TYPES: readonly string[] = [
  'ext4',
  'xfs',
  'btrfs',
  'ext3',
  'ext2',
  'f2fs',
  'erofs',
  'lvm2',
  'luks',
  'md-raid',
  'swap',
];

/** Undefined if nothing identifies it. */
export function guessOperatingSystem({ volumes }: DiskLayout): OperatingSystemGuess | undefined {
  return byBootLoader(volumes) ?? byWindows(volumes) ?? byFreeBsd(volumes) ?? byLinux(volumes);
}

function byBootLoader(volumes: readonly Volume[]): OperatingSystemGuess | undefined {
  for (const folder of volumes.flatMap(({ bootLoaders }) => bootLoaders ?? [])) {
    const known = BOOT_LOADERS[folder.toLowerCase()];
    if (known === undefined) continue;
    const [family, name] = known;
    return { family, name, reason: `the boot loader EFI/${folder}` };
  }
  return undefined;
}

/** NTFS alone proves nothing: it may be a data disk. */
function byWindows(volumes: readonly Volume[]): OperatingSystemGuess | undefined {
  const hasRole = (wanted: PartitionRole) => volumes.some(({ partition }) => partition?.role === wanted);
  const windows = (reason: string): OperatingSystemGuess => ({ family: 'windows', name: 'Windows', reason });
  const encrypted = volumes.find(({ fileSystem }) => fileSystem?.type === 'bitlocker');
  if (encrypted !== undefined) return windows('a volume encrypted with BitLocker');
  if (hasRole('windows-recovery')) return windows('a recovery partition of Windows');
  const active = volumes.find(
    ({ partition, fileSystem }) => partition?.isActive === true && fileSystem?.type === 'ntfs',
  );
  return active === undefined ? undefined : windows('an active partition with NTFS');
}

function byFreeBsd(volumes: readonly Volume[]): OperatingSystemGuess | undefined {
  const found = volumes.find(({ partition }) => partition?.role === 'freebsd');
  if (found?.partition === undefined) return undefined;
  return { family: 'freebsd', name: 'FreeBSD', reason: `a partition of the type ${found.partition.typeName}` };
}

/** Partitions only: a Linux file system without a partition table is a data disk. */
function byLinux(volumes: readonly Volume[]): OperatingSystemGuess | undefined {
  const partitioned = volumes.filter(({ partition }) => partition !== undefined);
  const linux = (reason: string): OperatingSystemGuess => ({ family: 'linux', name: 'Linux', reason });
  const root = partitioned.find(({ fileSystem }) => fileSystem?.lastMounted === '/');
  if (root !== undefined) return linux(`a file system (${root.fileSystem?.name}) that was mounted as /`);
  for (const role of LINUX_ROLES) {
    const found = partitioned.find(({ partition }) => partition?.role === role)?.partition;
    if (found !== undefined) return linux(`a partition of the type ${found.typeName}`);
  }
  for (const type of LINUX_TYPES) {
    const found = partitioned.find(({ fileSystem }) => fileSystem?.type === type)?.fileSystem;
    if (found !== undefined) return linux(`a partition with ${found.name}`);
  }
  return undefined;
}
