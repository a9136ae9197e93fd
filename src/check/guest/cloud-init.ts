// The configuration of cloud-init, as far as the rules need it: lists in /etc/cloud/cloud.cfg and the files of cloud.cfg.d.
import type { LinuxSystem } from './linux-system.ts';
import { findInPython } from './python-packages.ts';
import { filesIn } from './settings.ts';

const PROGRAMS = ['/usr/bin/cloud-init', '/usr/local/bin/cloud-init'] as const;

export interface CloudList {
  readonly values: readonly string[];
  /** The file that sets it. */
  readonly path: string;
}

/** The path of the program, if it is installed. @throws {GuestUnreadableError} */
export async function findCloudInit(system: LinuxSystem): Promise<string | undefined> {
  return await system.firstOf(PROGRAMS);
}

/** "23.1.2"; undefined if it is not known. @throws {GuestUnreadableError} */
export async function cloudInitVersion(system: LinuxSystem): Promise<string | undefined> {
  const path = await findInPython(system, 'cloudinit/version.py');
  const text = path === undefined ? undefined : await system.readText(path);
  return /^__VERSION__\s*=\s*["'](\d[\w.-]*)["']/m.exec(text ?? '')?.[1];
}

/** A list at the top level. The last file that sets it wins. @throws {GuestUnreadableError} */
export async function readCloudList(system: LinuxSystem, name: string): Promise<CloudList | undefined> {
  let found: CloudList | undefined;
  for (const path of ['/etc/cloud/cloud.cfg', ...(await filesIn(system, '/etc/cloud/cloud.cfg.d', '.cfg'))]) {
    const values = yamlList((await system.readText(path)) ?? '', name);
    if (values !== undefined) found = { values, path };
  }
  return found;
}

/** `name: [a, b]`, also over several lines, or lines with `- a` below `name:`. Of an entry `[a, always]` or `a: …`, the name a. */
export function yamlList(text: string, name: string): readonly string[] | undefined {
  const lines = text.split(/\r?\n/).map((line) => line.replace(/(?:^|\s)#.*$/, '').trimEnd());
  const start = lines.findLastIndex((line) => line.startsWith(`${name}:`));
  if (start < 0) return undefined;
  const first = lines[start]?.slice(name.length + 1).trim() ?? '';
  if (first.startsWith('[')) {
    const whole = [first, ...lines.slice(start + 1)].join(' ');
    const end = whole.indexOf(']');
    return end < 0 ? [] : entriesOf(whole.slice(1, end).split(','));
  }
  const items: string[] = [];
  for (const line of lines.slice(start + 1)) {
    if (line.trim() === '') continue;
    const item = /^\s*-\s*(.*)$/.exec(line)?.[1];
    if (item !== undefined) items.push(item);
    else if (/^\S/.test(line)) break;
  }
  return entriesOf(items);
}

function entriesOf(items: readonly string[]): readonly string[] {
  return items.map((item) => item.replace(/^[\s["']+|["'\s].*$|[,\]:].*$/g, '')).filter((item) => item !== '');
}
