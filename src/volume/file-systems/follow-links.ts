// followLinks: the file that a path leads to, through symbolic links within its file system.
import type { FileEntry, OpenedFileSystem } from './opened-file-system.ts';

/** As in Linux: more are taken for a loop. */
const MAX_LINKS = 40;

export interface Followed {
  /** The path without links. */
  readonly path: string;
  /** Never a link. Undefined if nothing is there, although a link leads there: it may be on another file system. */
  readonly entry: FileEntry | undefined;
  /** Without an entry: whether `path` counts from the root of the system, because an absolute link led there, or from that of the file system. Undefined if links climb above the latter. */
  readonly from?: 'system' | 'volume' | undefined;
}

/** Undefined if nothing is there, and no link leads anywhere else, or links lead in a circle. @throws {UnreadableError} */
export async function followLinks(
  files: Pick<OpenedFileSystem, 'stat' | 'readlink'>,
  path: string,
): Promise<Followed | undefined> {
  const whole = await files.stat(path);
  if (whole !== undefined && whole.kind !== 'link') return { path, entry: whole };
  const rest = namesOf(path);
  let reached: string[] = [];
  let entry = await files.stat('/');
  let links = 0;
  let from: Followed['from'] = 'volume';
  while (links <= MAX_LINKS && entry !== undefined) {
    const name = rest.shift();
    if (name === undefined) return { path: `/${reached.join('/')}`, entry };
    if (entry.kind !== 'folder') return undefined;
    if (name !== '..') reached.push(name);
    else if (reached.pop() === undefined && from === 'volume') from = undefined;
    const at = `/${reached.join('/')}`;
    const next = await files.stat(at);
    if (next?.kind !== 'link') {
      entry = next;
      continue;
    }
    links++;
    const target = await files.readlink(at);
    if (target.startsWith('/')) from = 'system';
    reached = target.startsWith('/') ? [] : reached.slice(0, -1);
    rest.unshift(...namesOf(target));
    entry = await files.stat(`/${reached.join('/')}`);
  }
  const isDangling = links > 0 && links <= MAX_LINKS;
  return isDangling ? { path: `/${[...reached, ...rest].join('/')}`, entry: undefined, from } : undefined;
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}
