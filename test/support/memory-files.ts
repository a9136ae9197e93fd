// The files of a guest, in memory. Names are compared without case, as on NTFS.
import { readFileSync } from 'node:fs';
import type { OpenedFileSystem } from '../../src/volume/file-systems/opened-file-system.ts';

/** Contents, or the paths of files of this machine, by their paths. Folders exist where files are in them. */
export function filesFrom(files: Readonly<Record<string, Uint8Array | string>>): OpenedFileSystem {
  const contents = new Map(
    Object.entries(files).map(([path, content]) => {
      const bytes = typeof content === 'string' ? readFileSync(content) : content;
      return [path.toLowerCase(), bytes] as const;
    }),
  );
  const bytesAt = (path: string) => contents.get(path.toLowerCase());
  const namesIn = (path: string) => {
    const prefix = path === '/' ? '/' : `${path.toLowerCase()}/`;
    const inside = Object.keys(files).filter((file) => file.toLowerCase().startsWith(prefix));
    return [...new Set(inside.map((file) => file.slice(prefix.length).split('/', 1)[0] ?? ''))];
  };
  return {
    type: 'ntfs',
    unclean: undefined,
    stat: async (path) => {
      const bytes = await Promise.resolve(bytesAt(path));
      if (bytes !== undefined) return { kind: 'file', size: bytes.length };
      return path === '/' || namesIn(path).length > 0 ? { kind: 'folder', size: 0 } : undefined;
    },
    readdir: (path) => Promise.resolve(namesIn(path)),
    readlink: (path) => Promise.reject(new Error(`${path} is no link`)),
    read: (path, offset, length) => Promise.resolve((bytesAt(path) ?? new Uint8Array()).slice(offset, offset + length)),
    usedRanges: () => undefined,
  };
}
