import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { realPathOf } from '../../src/image/real-path.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

it('follows links', async () => {
  const folder = await realpath(await temporaryFolder());
  await mkdir(join(folder, 'real'));
  await writeFile(join(folder, 'real', 'disk.vhd'), '');
  await symlink(join(folder, 'real'), join(folder, 'link'), 'junction');
  expect(await realPathOf(join(folder, 'link', 'disk.vhd'))).toBe(join(folder, 'real', 'disk.vhd'));
});

it('returns the absolute path when the system cannot resolve it', async () => {
  const path = join(await temporaryFolder(), 'absent', 'disk.vhd');
  expect(await realPathOf(relative(process.cwd(), path))).toBe(path);
});
