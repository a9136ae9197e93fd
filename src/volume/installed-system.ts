// installedSystem: the operating system whose files are on a volume, with its version, as the system itself states it.
import { followLinks } from './file-systems/follow-links.ts';
import type { OpenedFileSystem } from './file-systems/opened-file-system.ts';
import { readWindowsVersion } from './windows-version.ts';

/** Texts are unescaped, as stored on the disk. */
export interface InstalledSystem {
  readonly family: 'linux' | 'windows';
  /** "Windows Server 2022 Datacenter", "Ubuntu 24.04.1 LTS" */
  readonly name: string;
  /** "20348.2113" for Windows, "24.04" for Linux. Absent if it is not stated: a rolling distribution has none. */
  readonly version?: string;
  /** Windows: "Server", "Server Core", "Client". */
  readonly edition?: string;
  /** Linux: "ubuntu". */
  readonly id?: string;
}

/** os-release(5): the first that exists counts. */
const OS_RELEASE = ['/etc/os-release', '/usr/lib/os-release'] as const;
/** What distributions had before os-release: one line with name and version. */
const OLD_RELEASE = ['/etc/redhat-release', '/etc/SuSE-release'] as const;
/** The root subvolumes of btrfs that the installers of Fedora, Ubuntu, openSUSE and Debian choose. */
export const ROOT_SUBVOLUMES: readonly string[] = ['root', '@', '@rootfs'];
/** os-release files have less than 1 KiB. */
const MAX_RELEASE = 16 * 1024;

/** Undefined if the volume has no system. @throws {UnreadableError} a file that states it cannot be read. */
export async function installedSystem(files: OpenedFileSystem): Promise<InstalledSystem | undefined> {
  if (files.type === 'ntfs') return await windowsOn(files);
  const found = await linuxOn(files);
  if (found !== undefined || files.subvolume === undefined) return found;
  for (const name of ROOT_SUBVOLUMES) {
    const root = await files.subvolume(name);
    const system = root === undefined ? undefined : await linuxOn(root);
    if (system !== undefined) return system;
  }
  return undefined;
}

async function windowsOn(files: OpenedFileSystem): Promise<InstalledSystem | undefined> {
  const version = await readWindowsVersion(files);
  if (version === undefined) return undefined;
  const { product, build, revision, installationType } = version;
  return {
    family: 'windows',
    name: product ?? 'Windows',
    version: revision === undefined ? `${build}` : `${build}.${revision}`,
    ...(installationType === undefined ? {} : { edition: installationType }),
  };
}

async function linuxOn(files: OpenedFileSystem): Promise<InstalledSystem | undefined> {
  for (const path of OS_RELEASE) {
    const text = await textOf(files, path);
    if (text !== undefined) return systemIn(text);
  }
  for (const path of OLD_RELEASE) {
    const line = (await textOf(files, path))?.split('\n')[0]?.trim();
    if (line === undefined || line === '') continue;
    const version = /\d+(?:\.\d+)*/.exec(line)?.[0];
    return { family: 'linux', name: line, ...(version === undefined ? {} : { version }) };
  }
  return undefined;
}

async function textOf(files: OpenedFileSystem, path: string): Promise<string | undefined> {
  const found = await followLinks(files, path);
  if (found?.entry?.kind !== 'file') return undefined;
  return new TextDecoder().decode(await files.read(found.path, 0, Math.min(found.entry.size, MAX_RELEASE)));
}

function systemIn(text: string): InstalledSystem {
  const [name, version, id] = ['NAME', 'VERSION_ID', 'ID'].map((key) => settingIn(text, key));
  return {
    family: 'linux',
    name: settingIn(text, 'PRETTY_NAME') ?? name ?? 'Linux',
    ...(version === undefined ? {} : { version }),
    ...(id === undefined ? {} : { id }),
  };
}

/** The last assignment counts, as in a shell. Values may be quoted; a backslash in double quotes escapes the next character. */
export function settingIn(text: string, key: string): string | undefined {
  const line = text.split(/\r?\n/).findLast((one) => one.startsWith(`${key}=`));
  const value = line?.slice(key.length + 1).trim() ?? '';
  const quote = value[0];
  const bare =
    value.length > 1 && (quote === '"' || quote === "'") && value.endsWith(quote) ? value.slice(1, -1) : value;
  return (quote === "'" ? bare : bare.replace(/\\(.)/g, '$1')) || undefined;
}
