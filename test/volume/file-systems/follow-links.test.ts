import { describe, expect, it } from 'vitest';
import { followLinks } from '../../../src/volume/file-systems/follow-links.ts';
import type { FileEntry, OpenedFileSystem } from '../../../src/volume/file-systems/opened-file-system.ts';

const FILES: Readonly<Record<string, string>> = {
  '/usr/lib/os-release': 'text',
  '/usr/lib/self': '-> .',
  '/lib': '-> usr/lib',
  '/etc/relative': '-> ../usr/lib/os-release',
  '/etc/absolute': '-> /lib/os-release',
  '/etc/above': '-> ../../../../usr/lib/os-release',
  '/etc/loop': '-> loop',
  '/etc/one': '-> other',
  '/etc/other': '-> one',
  '/etc/dangling': '-> /nowhere',
  '/etc/dangling-beside': '-> ../etc/none',
  '/etc/dangling-above': '-> ../../etc/none',
  '/etc/through-a-file': '-> /usr/lib/os-release/x',
  ...Object.fromEntries(Array.from({ length: 41 }, (_, index) => [`/chain/${index}`, `-> ${index + 1}`])),
  '/chain/41': 'text',
};

/** Links are not followed, as in each reader. */
const files: Pick<OpenedFileSystem, 'stat' | 'readlink'> = {
  stat: (path) => Promise.resolve(entryAt(path)),
  readlink: (path) => Promise.resolve((FILES[path] ?? '').slice('-> '.length)),
};

function entryAt(path: string): FileEntry | undefined {
  const text = FILES[path];
  if (text !== undefined) return { kind: text.startsWith('-> ') ? 'link' : 'file', size: text.length };
  const prefix = path === '/' ? '/' : `${path}/`;
  return Object.keys(FILES).some((name) => name.startsWith(prefix)) ? { kind: 'folder', size: 0 } : undefined;
}

describe('followLinks', () => {
  it.each([
    ['/usr/lib/os-release', '/usr/lib/os-release'],
    ['/etc/relative', '/usr/lib/os-release'],
    ['/etc/absolute', '/usr/lib/os-release'],
    ['/lib/os-release', '/usr/lib/os-release'],
    ['/lib/self/self/os-release', '/usr/lib/os-release'],
    // Nothing is above the root.
    ['/etc/above', '/usr/lib/os-release'],
    ['/lib/../lib', '/usr/lib'],
    ['/', '/'],
    // Linux follows 40 links.
    ['/chain/1', '/chain/41'],
  ])('%s leads to %s', async (path, target) => {
    expect((await followLinks(files, path))?.path).toBe(target);
  });

  it('says where a link leads that dangles', async () => {
    const ofSystem = { entry: undefined, from: 'system' };
    expect(await followLinks(files, '/etc/dangling')).toEqual({ path: '/nowhere', ...ofSystem });
    expect(await followLinks(files, '/etc/dangling/in/it')).toEqual({ path: '/nowhere/in/it', ...ofSystem });
    const inFolder = { path: '/etc/none', entry: undefined, from: 'volume' };
    expect(await followLinks(files, '/etc/dangling-beside')).toEqual(inFolder);
    // On a file system that is mounted in a folder, this is a path of another one.
    expect(await followLinks(files, '/etc/dangling-above')).toEqual({ ...inFolder, from: undefined });
  });

  it.each(['/none', '/usr/lib/os-release/x', '/etc/loop', '/etc/one', '/etc/through-a-file', '/chain/0'])(
    '%s leads nowhere',
    async (path) => {
      expect(await followLinks(files, path)).toBeUndefined();
    },
  );
});
