// Guest files that exist only in memory.
import type { GuestEntry, GuestFileSystem } from '../../src/check/guest/guest-file-system.ts';

/** Texts by path. Folders are derived from the paths. */
export function guestTree(files: Readonly<Record<string, string>>): GuestFileSystem {
  return { look: (path) => Promise.resolve(entryAt(files, path)) };
}

function entryAt(files: Readonly<Record<string, string>>, path: string): GuestEntry {
  const text = files[path];
  if (text !== undefined) {
    const bytes = Buffer.from(text);
    return { kind: 'file', size: bytes.length, bytes };
  }
  const prefix = path === '/' ? '/' : `${path}/`;
  const names = Object.keys(files)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length).split('/')[0] ?? '');
  return names.length === 0 ? { kind: 'absent' } : { kind: 'directory', names: [...new Set(names)] };
}
