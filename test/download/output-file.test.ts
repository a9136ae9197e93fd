import { link, mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertNoOther, checkOutput, fileIdentity, freeSpace, lengthOf } from '../../src/download/output-file.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

describe('the file of a download', () => {
  it('may be new, or exist if that is allowed', async () => {
    const path = join(await temporaryFolder(), 'disk.vhd');
    await checkOutput(path, false);
    await writeFile(path, 'mine');
    await checkOutput(path, true);
    const failure = await failureOf(checkOutput(path, false));
    expect(failure).toMatchObject({ code: 'LOCAL_FILE', message: expect.stringContaining('--overwrite') });
  });

  it.each(['link', 'folder', 'missing folder', 'empty name'])('is never a %s', async (kind) => {
    const folder = await temporaryFolder();
    const path = kind === 'missing folder' ? join(folder, 'no', 'disk.vhd') : join(folder, 'disk.vhd');
    if (kind === 'link') await symlink(join(folder, 'other'), path);
    if (kind === 'folder') await mkdir(path);
    expect(await failureOf(checkOutput(kind === 'empty name' ? '' : path, true))).toMatchObject({ code: 'LOCAL_FILE' });
  });

  it('is not a file that the download uses, under whatever name', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'manifest');
    await writeFile(path, '');
    await symlink(path, join(folder, 'link'));
    await assertNoOther(join(folder, 'disk.vhd'), { '--manifest': path, '--checkpoint': undefined });
    const failure = await failureOf(assertNoOther(path, { '--manifest': join(folder, 'link') }));
    expect(failure).toMatchObject({ code: 'USAGE', message: expect.stringContaining('--manifest') });
  });

  it('has an identity that is the same under another name, and only there', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'one');
    expect(await fileIdentity(path)).toBeUndefined();
    expect(await lengthOf(path)).toBe(0);
    await writeFile(path, 'text');
    const identity = await fileIdentity(path);
    await link(path, join(folder, 'two'));
    expect(await fileIdentity(join(folder, 'two'))).toBe(identity);
    await rename(path, join(folder, 'three'));
    expect(await fileIdentity(join(folder, 'three'))).toBe(identity);
    expect(await lengthOf(join(folder, 'three'))).toBe(4);
    await writeFile(path, 'text');
    expect(await fileIdentity(path)).not.toBe(identity);
  });

  it('lies on a disk whose free space is known', async () => {
    expect(await freeSpace(join(await temporaryFolder(), 'disk.vhd'))).toBeGreaterThan(0);
    expect(await freeSpace('/no/such/folder/disk.vhd')).toBeUndefined();
  });
});
