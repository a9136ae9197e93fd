import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join, win32 } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pathOfStored, storedPath } from '../../src/state/stored-path.ts';
import { HAS_SYMBOLIC_LINKS } from '../support/links.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

describe('a stored path', () => {
  it.each([
    ['D:\\vms\\b\\disk.manifest', 'disk.manifest'],
    ['D:\\vms\\m\\a b\\disk.manifest', '../m/a b/disk.manifest'],
    ['E:\\m\\disk.manifest', 'E:\\m\\disk.manifest'],
    ['\\\\server\\share\\disk.manifest', '\\\\server\\share\\disk.manifest'],
  ])('of Windows is relative with slashes, and absolute on another drive: %s', (path, stored) => {
    expect(storedPath(path, 'D:\\vms\\b', win32)).toBe(stored);
  });

  it('is resolved against the folder of the state file, unless it is on another drive of Windows', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'it'), '');
    expect(storedPath(pathOfStored('m/it', folder), folder)).toBe('m/it');
    expect(storedPath(pathOfStored('../it', folder), folder)).toBe('../it');
    expect(pathOfStored('E:\\m\\it', folder)).toBe('E:\\m\\it');
    expect(pathOfStored('\\\\server\\share\\it', folder)).toBe('\\\\server\\share\\it');
  });
});

describe.skipIf(!HAS_SYMBOLIC_LINKS)('a stored path, if the folder is reached by a link,', () => {
  async function linked() {
    const root = await temporaryFolder();
    const [folder, link] = [join(root, 'vms', 'b'), join(root, 'link')];
    await mkdir(folder, { recursive: true });
    await mkdir(join(root, 'vms', 'm'));
    await symlink(folder, link, 'dir');
    return { root, folder, link };
  }

  it('is the same as without it', async () => {
    const { root, folder, link } = await linked();
    const outside = join(root, 'vms', 'm', 'it');
    for (const [path, stored] of [
      [outside, '../m/it'],
      [join(folder, 'it'), 'it'],
      [join(link, 'it'), 'it'],
    ] as const) {
      expect([storedPath(path, folder), storedPath(path, link)]).toEqual([stored, stored]);
      expect(pathOfStored(stored, link)).toBe(pathOfStored(stored, folder));
    }
  });

  it('keeps a link inside of the folder, which may be moved with it', async () => {
    const { root, folder, link } = await linked();
    await symlink(join(root, 'vms', 'm'), join(folder, 'm'), 'dir');
    expect(storedPath(join(folder, 'm', 'it'), folder)).toBe('m/it');
    expect(storedPath(join(link, 'm', 'it'), link)).toBe('m/it');
    const moved = join(root, 'moved');
    await rename(folder, moved);
    expect(pathOfStored('m/it', moved).endsWith(join('moved', 'm', 'it'))).toBe(true);
  });
});
