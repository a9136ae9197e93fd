// The distribution of a Linux, by os-release(5) and by the files that older ones have instead.

/** What the reader needs of a LinuxSystem. */
interface TextFiles {
  readText(path: string): Promise<string | undefined>;
}

/** Distributions that share a guide for Azure. `redhat`: also Rocky Linux, AlmaLinux, CentOS, Oracle Linux and what names them in ID_LIKE. */
export type Family = 'redhat' | 'suse' | 'ubuntu' | 'debian' | 'azurelinux' | 'flatcar' | 'other';

export interface Distribution {
  /** As ID of os-release: "rhel", "centos", "rocky", "ol", "sles", "opensuse-leap". */
  readonly id: string;
  readonly family: Family;
  /** "Red Hat Enterprise Linux 9.4 (Plow)"; not made safe to print. */
  readonly name: string;
  /** 0 if it is not known. */
  readonly major: number;
  /** 0 if it is not known: CentOS 7 names it in /etc/centos-release only. */
  readonly minor: number;
  /**
   * The version of Red Hat, SUSE or Debian that it follows: 8 for Alibaba Cloud Linux 3. Rules for old versions of a family need this
   * one. Infinity if it is not known, so that such a rule does not apply.
   */
  readonly familyMajor: number;
}

const UNKNOWN: Distribution = {
  id: '',
  family: 'other',
  name: 'a Linux without os-release',
  major: 0,
  minor: 0,
  familyMajor: Number.POSITIVE_INFINITY,
};

/** The first one wins: Ubuntu names Debian in ID_LIKE, and Oracle Linux names Fedora. */
const FAMILIES: readonly (readonly [ids: readonly string[], family: Family])[] = [
  [['ubuntu'], 'ubuntu'],
  [['debian'], 'debian'],
  [['rhel', 'centos', 'rocky', 'almalinux', 'ol'], 'redhat'],
  [['sles', 'sled', 'sle_hpc', 'suse', 'opensuse'], 'suse'],
  [['azurelinux', 'mariner'], 'azurelinux'],
  [['flatcar', 'coreos'], 'flatcar'],
];

/** Those that have the version numbers of their family. Others of a family may have small numbers for new versions: Devuan 5 is Debian 12. */
const NUMBERED_AS_FAMILY: readonly string[] = [
  ...['rhel', 'centos', 'rocky', 'almalinux', 'ol', 'scientific', 'cloudlinux', 'anolis'],
  ...['sles', 'sles_sap', 'sled', 'sle_hpc', 'opensuse', 'opensuse-leap'],
  ...['debian', 'raspbian'],
];

/** What follows a version of its family with another number, and does not state it. */
const FOLLOWED: Readonly<Record<string, number>> = {
  'amzn 2': 7,
  'alinux 2': 7,
  'alinux 3': 8,
  'opensuse-leap 42': 12,
};

/** In the order of their precision. Oracle Linux 6 also has a redhat-release, which names Red Hat. */
const RELEASE_FILES = ['/etc/oracle-release', '/etc/centos-release', '/etc/redhat-release'] as const;

const RELEASE_IDS: readonly (readonly [start: string, id: string])[] = [
  ['Oracle', 'ol'],
  ['CentOS', 'centos'],
  ['Red Hat', 'rhel'],
  ['Rocky', 'rocky'],
  ['AlmaLinux', 'almalinux'],
  ['Fedora', 'fedora'],
];

/** @throws {GuestUnreadableError} */
export async function readDistribution(files: TextFiles): Promise<Distribution> {
  const release = await fromReleaseFiles(files);
  const osRelease = (await files.readText('/etc/os-release')) ?? (await files.readText('/usr/lib/os-release'));
  const found = osRelease === undefined ? (release ?? (await fromSuseRelease(files))) : fromOsRelease(osRelease);
  if (found === undefined) return UNKNOWN;
  const isSame = release?.id === found.id && release.major === found.major;
  return isSame && found.minor === 0 ? { ...found, minor: release.minor } : found;
}

function fromOsRelease(text: string): Distribution {
  const value = (name: string) => new RegExp(`^${name}=(["']?)(.*)\\1\\s*$`, 'm').exec(text)?.[2];
  const id = (value('ID') ?? '').toLowerCase();
  const like = (value('ID_LIKE') ?? '').toLowerCase().split(/\s+/);
  const version = value('VERSION_ID') ?? '';
  const numbers = numbersIn(version);
  return {
    id,
    family: familyOf([id, ...like]),
    name: value('PRETTY_NAME') ?? value('NAME') ?? UNKNOWN.name,
    ...numbers,
    familyMajor: familyMajorOf(id, numbers.major, value('PLATFORM_ID')),
  };
}

/** @param platform "platform:el8" in what is compatible with version 8 of Red Hat. */
function familyMajorOf(id: string, major: number, platform = ''): number {
  const followed = FOLLOWED[`${id} ${major}`];
  if (followed !== undefined) return followed;
  if (NUMBERED_AS_FAMILY.includes(id) && major > 0) return major;
  return Number(/^platform:el(\d+)$/.exec(platform)?.[1] ?? Number.POSITIVE_INFINITY);
}

/** "CentOS release 6.10 (Final)", "Red Hat Enterprise Linux Server release 7.9 (Maipo)". */
async function fromReleaseFiles(files: TextFiles): Promise<Distribution | undefined> {
  for (const path of RELEASE_FILES) {
    const name = (await files.readText(path))?.split('\n')[0]?.trim();
    const [, version] = /\brelease (\d[\d.]*)/.exec(name ?? '') ?? [];
    if (name === undefined || version === undefined) continue;
    const id = RELEASE_IDS.find(([start]) => name.startsWith(start))?.[1] ?? '';
    const numbers = numbersIn(version);
    return { id, family: familyOf([id]), name, ...numbers, familyMajor: familyMajorOf(id, numbers.major) };
  }
  return undefined;
}

/** SLES 11: a name, then VERSION = 11 and PATCHLEVEL = 4. */
async function fromSuseRelease(files: TextFiles): Promise<Distribution | undefined> {
  const text = await files.readText('/etc/SuSE-release');
  if (text === undefined) return undefined;
  const number = (name: string) => Number(new RegExp(`^${name}\\s*=\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  const name = text.split('\n')[0]?.trim() ?? '';
  const id = name.startsWith('openSUSE') ? 'opensuse' : 'sles';
  const major = number('VERSION');
  return { id, family: 'suse', name, major, minor: number('PATCHLEVEL'), familyMajor: familyMajorOf(id, major) };
}

function familyOf(ids: readonly string[]): Family {
  const isOne = (known: string) => ids.some((id) => id === known || id.startsWith(`${known}-`));
  return FAMILIES.find(([known]) => known.some(isOne))?.[1] ?? 'other';
}

/** "22.04" is 22 and 4. */
function numbersIn(version: string): Pick<Distribution, 'major' | 'minor'> {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10) || 0);
  return { major, minor };
}

/** Whether it is at least this version. */
export function isAtLeast({ major, minor }: Distribution, wanted: readonly [major: number, minor: number]): boolean {
  return major !== wanted[0] ? major > wanted[0] : minor >= wanted[1];
}
