import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIB } from '../../src/base/byte-range.ts';
import { LocalFileError } from '../../src/errors.ts';
import { LocalFile } from '../../src/target/local-file.ts';
import { HAS_SYMBOLIC_LINKS } from '../support/links.ts';
import { expectSameBytes, failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const page = (byte: number) => new Uint8Array(512).fill(byte);

describe('LocalFile', () => {
  it('writes runs at their offsets in any order, and leaves zeros elsewhere', async () => {
    const path = join(await temporaryFolder(), 'disk.raw');
    const target = await LocalFile.create(path, 4 * MIB, false);
    const expected = Buffer.alloc(4 * MIB);
    await Promise.all(
      [4 * MIB - 512, 0, 2 * MIB].map(async (offset, index) => {
        expected.fill(index + 1, offset, offset + 512);
        await target.write({ range: { offset, length: 512 }, bytes: page(index + 1) });
      }),
    );
    await target.finish();
    expectSameBytes(await readFile(path), expected);
  });

  it.skipIf(process.platform === 'win32')('makes a file with holes', async () => {
    const path = join(await temporaryFolder(), 'disk.raw');
    const target = await LocalFile.create(path, 64 * MIB, false);
    await target.write({ range: { offset: 32 * MIB, length: 512 }, bytes: page(1) });
    await target.finish();
    const { size, blocks } = await stat(path);
    expect(size).toBe(64 * MIB);
    expect(blocks * 512).toBeLessThan(MIB);
  });

  it('gets its name only when it is complete', async () => {
    const folder = await temporaryFolder();
    const target = await LocalFile.create(join(folder, 'disk.raw'), MIB, false);
    const names = await readdir(folder);
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(/^disk\.raw\.[0-9a-f]{12}\.partial$/);
    await target.finish();
    expect(await readdir(folder)).toEqual(['disk.raw']);
  });

  it('leaves nothing when it is abandoned', async () => {
    const folder = await temporaryFolder();
    const target = await LocalFile.create(join(folder, 'disk.raw'), MIB, false);
    await target.write({ range: { offset: 0, length: 512 }, bytes: page(1) });
    await target.abandon();
    expect(await readdir(folder)).toEqual([]);
  });

  it('does not touch an existing file without overwrite', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'disk.raw');
    await writeFile(path, 'precious');
    const error = await failureOf(LocalFile.create(path, MIB, false));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toContain(`Cannot write ${path}: the file exists`);
    expect(error.message).toContain('--overwrite');
    expect(await readFile(path, 'utf8')).toBe('precious');

    const target = await LocalFile.create(path, 512, true);
    expect(await readFile(path, 'utf8')).toBe('precious');
    await target.write({ range: { offset: 0, length: 512 }, bytes: page(7) });
    await target.finish();
    expectSameBytes(await readFile(path), page(7));
    expect(await readdir(folder)).toEqual(['disk.raw']);
  });

  it('does not replace a file that appeared while it was written', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'disk.raw');
    const target = await LocalFile.create(path, MIB, false);
    await writeFile(path, 'precious');
    const error = await failureOf(target.finish());
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toContain('the file exists');
    await target.abandon();
    expect(await readFile(path, 'utf8')).toBe('precious');
    expect(await readdir(folder)).toEqual(['disk.raw']);
  });

  it('lets one of two concurrent writers of the same file succeed, and the other fail', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'disk.raw');
    const targets = await Promise.all([1, 2].map(() => LocalFile.create(path, 512, false)));
    const results = await Promise.allSettled(targets.map((target) => target.finish()));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await Promise.all(targets.map((target) => target.abandon()));
    expect(await readdir(folder)).toEqual(['disk.raw']);
  });

  it('reports a missing folder', async () => {
    const path = join(await temporaryFolder(), 'absent', 'disk.raw');
    const error = await failureOf(LocalFile.create(path, MIB, false));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toContain('there is no such folder');
  });

  it.each([true, false])('refuses a folder before anything is written, with overwrite %s', async (overwrite) => {
    const folder = await temporaryFolder();
    const path = join(folder, 'taken');
    await mkdir(path);
    const error = await failureOf(LocalFile.create(path, MIB, overwrite));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toContain('not a regular file');
    expect(await readdir(folder)).toEqual(['taken']);
  });

  it.skipIf(process.platform === 'win32')('refuses a device, even with overwrite', async () => {
    expect(await failureOf(LocalFile.create('/dev/null', MIB, true))).toBeInstanceOf(LocalFileError);
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  it.skipIf(!HAS_SYMBOLIC_LINKS).each([true, false])(
    'never writes through a symbolic link, with overwrite %s',
    async (overwrite) => {
      const path = join(await temporaryFolder(), 'disk.raw');
      await writeFile(`${path}.target`, 'precious');
      await symlink(`${path}.target`, path);
      expect((await failureOf(LocalFile.create(path, MIB, overwrite))).message).toContain('it is a symbolic link');
      await symlink('nowhere', `${path}.dangling`);
      const dangling = await failureOf(LocalFile.create(`${path}.dangling`, MIB, overwrite));
      expect(dangling).toBeInstanceOf(LocalFileError);
      expect(await readFile(`${path}.target`, 'utf8')).toBe('precious');
      expect(await readdir(dirname(path))).toHaveLength(3);
    },
  );

  it.skipIf(!HAS_SYMBOLIC_LINKS)('does not replace a link that appeared while it was written', async () => {
    const path = join(await temporaryFolder(), 'disk.raw');
    const target = await LocalFile.create(path, MIB, true);
    await symlink('elsewhere', path);
    expect((await failureOf(target.finish())).message).toContain('it is a symbolic link');
    await target.abandon();
    expect(await readdir(dirname(path))).toEqual(['disk.raw']);
  });

  it('removes files that a killed run left a day ago, but no files of a run that may be alive', async () => {
    const path = join(await temporaryFolder(), 'disk.raw');
    const dead = `${path}.0123456789ab.partial`;
    await writeFile(dead, 'half a disk');
    await utimes(dead, new Date(0), new Date(0));
    await writeFile(`${path}.ba9876543210.partial`, 'half a disk');
    await (await LocalFile.create(path, 512, false)).finish();
    expect(await readdir(dirname(path))).toEqual(['disk.raw', 'disk.raw.ba9876543210.partial']);
  });

  it('leaves nothing if the file cannot have its size', async () => {
    const folder = await temporaryFolder();
    const error = await failureOf(LocalFile.create(join(folder, 'disk.raw'), 2 ** 53 - 1, false));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(await readdir(folder)).toEqual([]);
  });
});
