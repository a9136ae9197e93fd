// Guest files that exist only in memory.
import { posix } from 'node:path';
import type { GuestEntry, GuestFileSystem } from '../../src/check/guest/guest-file-system.ts';

/** Contents by path; `-> target` is a symbolic link. Folders are derived from the paths. */
export type TreeFiles = Readonly<Record<string, string | Uint8Array>>;

export function guestTree(files: TreeFiles): GuestFileSystem {
  return {
    look: (path) => Promise.resolve(entryAt(files, path)),
    read: (path, offset, length) => {
      const entry = entryAt(files, path);
      return Promise.resolve(entry.kind === 'file' ? entry.bytes.subarray(offset, offset + length) : new Uint8Array());
    },
  };
}

const MAX_LINKS = 8;

function entryAt(files: TreeFiles, path: string, links = 0): GuestEntry {
  const content = files[path];
  if (typeof content === 'string' && content.startsWith('-> ')) {
    const target = posix.resolve(posix.dirname(path), content.slice('-> '.length));
    return links < MAX_LINKS ? entryAt(files, target, links + 1) : { kind: 'absent' };
  }
  if (content !== undefined) {
    const bytes = Buffer.from(content);
    return { kind: 'file', size: bytes.length, bytes };
  }
  const prefix = path === '/' ? '/' : `${path}/`;
  const names = Object.keys(files)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length).split('/')[0] ?? '');
  return names.length === 0 ? { kind: 'absent' } : { kind: 'directory', names: [...new Set(names)] };
}
