// Guest files that exist only in memory.
import { posix } from 'node:path';
import { type GuestEntry, type GuestFileSystem, MAX_GUEST_FILE } from '../../src/check/guest/guest-file-system.ts';

/** Contents by path; `-> target` is a symbolic link. Folders are derived from the paths. */
export type TreeFiles = Readonly<Record<string, string | Uint8Array>>;

export function guestTree(files: TreeFiles): GuestFileSystem {
  return {
    look: (path) => Promise.resolve(entryAt(files, path)),
    read: (path, offset, length) => {
      const content = contentAt(files, path);
      return Promise.resolve(content?.subarray(offset, offset + length) ?? new Uint8Array());
    },
  };
}

const MAX_LINKS = 8;

/** Where the links at `path` lead; undefined if in a circle. */
function followed(files: TreeFiles, path: string, links = 0): string | undefined {
  const content = files[path];
  if (typeof content !== 'string' || !content.startsWith('-> ')) return path;
  const target = posix.resolve(posix.dirname(path), content.slice('-> '.length));
  return links < MAX_LINKS ? followed(files, target, links + 1) : undefined;
}

function contentAt(files: TreeFiles, given: string): Buffer | undefined {
  const content = files[followed(files, given) ?? ''];
  return content === undefined ? undefined : Buffer.from(content);
}

function entryAt(files: TreeFiles, given: string): GuestEntry {
  const path = followed(files, given);
  if (path === undefined) return { kind: 'absent' };
  const bytes = contentAt(files, path);
  if (bytes !== undefined) {
    return { kind: 'file', size: bytes.length, bytes: bytes.subarray(0, MAX_GUEST_FILE) };
  }
  const prefix = path === '/' ? '/' : `${path}/`;
  const names = Object.keys(files)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length).split('/')[0] ?? '');
  return names.length === 0 ? { kind: 'absent' } : { kind: 'directory', names: [...new Set(names)] };
}
