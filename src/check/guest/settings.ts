// Files of settings: NAME=VALUE of a shell, of waagent.conf and of files with sections.
import { linesOf } from '../../volume/fstab.ts';
import type { LinuxSystem } from './linux-system.ts';

/** The value of each name; the last one wins. Quotes and comments are removed. */
export function settingsIn(text: string): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  for (const line of linesOf(text)) {
    const at = line.indexOf('=');
    if (at > 0) settings.set(line.slice(0, at).trim(), unquoted(line.slice(at + 1).trim()));
  }
  return settings;
}

/** "a b" # comment, 'a b', a # comment. */
function unquoted(value: string): string {
  const quoted = /^(["'])(.*?)\1/.exec(value)?.[2];
  return quoted ?? value.replace(/\s*#.*$/, '');
}

/** Undefined if there is no such file. @throws {GuestUnreadableError} */
export async function readSettings(
  system: LinuxSystem,
  path: string,
): Promise<ReadonlyMap<string, string> | undefined> {
  const text = await system.readText(path);
  return text === undefined ? undefined : settingsIn(text);
}

/** The files in a folder whose names end so, in the order of their names. @throws {GuestUnreadableError} */
export async function filesIn(system: LinuxSystem, folder: string, end: string): Promise<readonly string[]> {
  return (await system.names(folder)).filter((name) => name.endsWith(end)).map((name) => `${folder}/${name}`);
}

/**
 * The same for several folders: a file in an earlier one takes the place of those with its name in later ones, also if it is a link to
 * /dev/null (modprobe.d(5), udev(7), NetworkManager.conf(5)).
 * @throws {GuestUnreadableError}
 */
export async function layeredFiles(
  system: LinuxSystem,
  folders: readonly string[],
  end: string,
): Promise<readonly string[]> {
  const found = new Map<string, string>();
  for (const folder of folders) {
    for (const path of await filesIn(system, folder, end)) {
      const name = path.slice(folder.length + 1);
      if (!found.has(name)) found.set(name, path);
    }
  }
  return [...found.values()];
}

/** A setting that has another value. */
export interface WrongSetting {
  /** "ONBOOT=no, not yes". */
  readonly found: string;
  /** "ONBOOT=yes". */
  readonly needed: string;
}

/** Compares without case. A name that is missing is wrong, unless `mayBeAbsent` has it. */
export function wrongSettings(
  settings: ReadonlyMap<string, string>,
  wanted: Readonly<Record<string, string>>,
  mayBeAbsent: readonly string[] = [],
): readonly WrongSetting[] {
  return Object.entries(wanted).flatMap(([name, value]) => {
    const actual = settings.get(name);
    if (actual === undefined && mayBeAbsent.includes(name)) return [];
    if (actual?.toLowerCase() === value.toLowerCase()) return [];
    const found = actual === undefined ? `no ${name}=${value}` : `${name}=${actual}, not ${value}`;
    return [{ found, needed: `${name}=${value}` }];
  });
}
