// followLinks: the file that a path leads to, through symbolic links within its file system.
import type { FileEntry, OpenedFileSystem } from '../../volume/file-systems/opened-file-system.ts';

/** As in Linux: more are taken for a loop. */
const MAX_LINKS = 40;

export interface Followed {
  /** The path without links. */
  readonly path: string;
  /** Never a link. */
  readonly entry: FileEntry;
}

/** Undefined if nothing is there: a name is absent, a link dangles, or links lead in a circle. @throws {UnreadableError} */
export async function followLinks(
  files: Pick<OpenedFileSystem, 'stat' | 'readlink'>,
  path: string,
): Promise<Followed | undefined> {
  const whole = await files.stat(path);
  if (whole !== undefined && whole.kind !== 'link') return { path, entry: whole };
  const rest = namesOf(path);
  let reached: string[] = [];
  let entry = await files.stat('/');
  for (let links = 0; links <= MAX_LINKS && entry !== undefined; ) {
    const name = rest.shift();
    if (name === undefined) return { path: `/${reached.join('/')}`, entry };
    if (entry.kind !== 'folder') return undefined;
    if (name === '..') reached.pop();
    else reached.push(name);
    const at = `/${reached.join('/')}`;
    const next = await files.stat(at);
    if (next?.kind !== 'link') {
      entry = next;
      continue;
    }
    links++;
    const target = await files.readlink(at);
    reached = target.startsWith('/') ? [] : reached.slice(0, -1);
    rest.unshift(...namesOf(target));
    entry = await files.stat(`/${reached.join('/')}`);
  }
  return undefined;
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}
