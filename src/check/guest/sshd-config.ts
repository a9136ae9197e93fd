// Reads one setting of an OpenSSH server (sshd_config(5)): the first value wins, files may include others, and Match blocks are skipped because they apply to some connections only.
import { linesOf } from '../../volume/fstab.ts';
import type { LinuxSystem } from './linux-system.ts';

/** Depth of nested includes; sshd itself stops at 16. */
const MAX_DEPTH = 16;

/** Files read in total, because includes can multiply. */
const MAX_FILES = 100;

export interface SshdSetting {
  readonly value: string;
  /** The file that sets it. */
  readonly path: string;
}

/** Newer SUSE has its configuration in /usr, and in /etc only what the administrator wrote. */
const CONFIGURATIONS = ['/etc/ssh/sshd_config', '/usr/etc/ssh/sshd_config'] as const;

/** @param name Case-insensitive. @throws {GuestUnreadableError} */
export async function readSshdSetting(system: LinuxSystem, name: string): Promise<SshdSetting | undefined> {
  const path = (await system.firstOf(CONFIGURATIONS)) ?? CONFIGURATIONS[0];
  return await search(system, path, name.toLowerCase(), { depth: 0, files: { left: MAX_FILES } });
}

interface Budget {
  readonly depth: number;
  readonly files: { left: number };
}

async function search(
  system: LinuxSystem,
  path: string,
  name: string,
  { depth, files }: Budget,
): Promise<SshdSetting | undefined> {
  if (depth >= MAX_DEPTH || files.left <= 0) return undefined;
  files.left -= 1;
  for (const line of linesOf((await system.readText(path)) ?? '')) {
    const [, keyword = '', rest = ''] = /^(\w+)(?:\s*=\s*|\s+)(.*)$/.exec(line) ?? [];
    const value = rest.replace(/\s+#.*$/, '').replace(/^"(.*)"$/, '$1');
    if (keyword.toLowerCase() === 'match') return undefined;
    if (keyword.toLowerCase() === name) return { value, path };
    if (keyword.toLowerCase() !== 'include') continue;
    for (const included of await expand(system, value)) {
      const found = await search(system, included, name, { depth: depth + 1, files });
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Expands the patterns that are used in practice: a `*` in the last path component. */
async function expand(system: LinuxSystem, patterns: string): Promise<string[]> {
  const paths: string[] = [];
  for (const pattern of patterns.split(/\s+/)) {
    const absolute = pattern.startsWith('/') ? pattern : `/etc/ssh/${pattern}`;
    const folder = absolute.slice(0, absolute.lastIndexOf('/'));
    const parts = absolute.slice(folder.length + 1).split('*');
    if (parts.length === 1) paths.push(absolute);
    else {
      const names = await system.names(folder || '/');
      paths.push(...names.filter((name) => matches(name, parts)).map((name) => `${folder}/${name}`));
    }
  }
  return paths;
}

/** Whether `name` consists of `parts` with anything between them. No regular expression, because the pattern comes from the image. */
function matches(name: string, parts: readonly string[]): boolean {
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > name.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}
