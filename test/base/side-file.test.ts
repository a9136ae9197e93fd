import { spawnSync } from 'node:child_process';
import { link, lstat, mkdir, readdir, readFile, rename, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileRefusal } from '../../src/base/file-problem.ts';
import {
  createExclusive,
  createTemporary,
  openExisting,
  readSideFile,
  removeLeftOvers,
  renamedTemporaryPath,
  replaceSideFile,
  requireName,
  sidePath,
  temporaryPath,
} from '../../src/base/side-file.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const isWindows = process.platform === 'win32';

async function newPath(name = 'disk.vhd.vhdup.json'): Promise<string> {
  return join(await temporaryFolder(), name);
}

describe('sidePath', () => {
  it('adds the ending if it fits', async () => {
    const path = await newPath('disk.vhd');
    expect(await sidePath(path, '.vhdup.json')).toBe(`${path}.vhdup.json`);
    expect(await sidePath('disk.vhd', '.vhdup.json')).toBe('disk.vhd.vhdup.json');
    const longest = join(dirname(path), 'x'.repeat(244));
    expect(await sidePath(longest, '.vhdup.json')).toBe(`${longest}.vhdup.json`);
  });

  it('shortens every name that is too long to one that fits, beside the image, and the same each time', async () => {
    const folder = await temporaryFolder();
    const names = fc.oneof(
      fc.integer({ min: 245, max: 255 }).map((length) => 'x'.repeat(length)),
      fc.integer({ min: 80, max: 85 }).map((length) => 'デ'.repeat(length)),
      fc.integer({ min: 60, max: 63 }).map((length) => '\u{1f4be}'.repeat(length)),
    );
    await fc.assert(
      fc.asyncProperty(names, async (name) => {
        const path = await sidePath(join(folder, name), '.vhdup.json');
        expect(dirname(path)).toBe(folder);
        expect(await sidePath(join(folder, name), '.vhdup.json')).toBe(path);
        if (Buffer.byteLength(`${name}.vhdup.json`) <= 255) return;
        expect(basename(path)).toMatch(/^.+~[\da-f]{16}\.vhdup\.json$/u);
        expect(name.startsWith(basename(path).split('~')[0] ?? '?')).toBe(true);
        // Leaves room for every ending, even if names have at most 143 bytes.
        expect(Buffer.byteLength(`${basename(path)}.lock.takeover`)).toBeLessThan(130);
      }),
      { numRuns: 50 },
    );
  });

  it('returns different names for different images, and the same name for one image in every folder and Unicode form', async () => {
    const long = 'ä'.repeat(125);
    const [first, second] = await Promise.all([`${long}1.vhd`, `${long}2.vhd`].map((name) => sidePath(name, '.json')));
    expect(first).not.toBe(second);
    expect(basename(await sidePath(await newPath(`${long}1.vhd`), '.json'))).toBe(first);
    expect(await sidePath(`${long}1.vhd`.normalize('NFD'), '.json')).toBe(first);
  });
});

describe('openExisting', () => {
  it('opens a regular file, and returns undefined for a missing one', async () => {
    const path = await newPath();
    expect(await openExisting(path, 'read')).toBeUndefined();
    expect(await openExisting(join(path, 'below'), 'read')).toBeUndefined();
    await writeFile(path, 'text');
    const handle = await openExisting(path, 'write');
    await handle?.write('T', 0);
    await handle?.close();
    expect(await readSideFile(path, 10)).toBe('Text');
  });

  it('refuses a folder', async () => {
    const path = await newPath();
    await mkdir(path);
    expect((await failureOf(openExisting(path, 'read'))).message).toBe('it is not a regular file');
  });

  it.skipIf(isWindows).each(['read', 'write', 'append'] as const)(
    'refuses a FIFO, a socket and a device at once, to %s',
    async (access) => {
      const fifo = await newPath('fifo');
      spawnSync('mkfifo', [fifo]);
      for (const path of [fifo, '/dev/zero', '/dev/null']) {
        for (const links of ['refuse', 'follow'] as const) {
          expect(await failureOf(openExisting(path, access, { links }))).toBeInstanceOf(FileRefusal);
        }
      }
    },
  );

  it.skipIf(isWindows)('follows a symbolic link only on request', async () => {
    const path = await newPath();
    await writeFile(path, 'text');
    await symlink(path, `${path}.link`);
    expect((await failureOf(openExisting(`${path}.link`, 'read'))).message).toBe('it is a symbolic link');
    const handle = await openExisting(`${path}.link`, 'read', { links: 'follow' });
    expect(await handle?.readFile('utf8')).toBe('text');
    await handle?.close();
    await symlink('/dev/zero', `${path}.zero`);
    expect((await failureOf(openExisting(`${path}.zero`, 'read', { links: 'follow' }))).message).toBe(
      'it is not a regular file',
    );
  });

  it.skipIf(isWindows)('refuses to write to a hard link, but reads one', async () => {
    const path = await newPath();
    await writeFile(path, 'precious');
    await link(path, `${path}.link`);
    for (const access of ['write', 'append'] as const) {
      expect((await failureOf(openExisting(path, access))).message).toBe('it is a hard link to another file');
    }
    expect(await readSideFile(path, 10)).toBe('precious');
  });

  it('refuses a path that is empty or contains a null character', async () => {
    expect((await failureOf(openExisting('', 'read'))).message).toBe('its path is empty');
    expect((await failureOf(createExclusive('a\0b', 0o600))).message).toBe('its path contains a null character');
  });

  it('refuses device names on Windows', () => {
    expect(() => requireName('C:\\NUL', 'win32')).toThrow('NUL is the name of a device on Windows');
    expect(() => requireName('C:\\NUL', 'linux')).not.toThrow();
  });
});

describe('readSideFile', () => {
  it('reads up to the limit and refuses longer files', async () => {
    const path = await newPath();
    await writeFile(path, 'x'.repeat(10_000));
    expect(await readSideFile(path, 10_000)).toHaveLength(10_000);
    expect((await failureOf(readSideFile(path, 9999))).message).toBe('it has more than 9999 bytes');
    await writeFile(path, '');
    expect(await readSideFile(path, 10)).toBe('');
  });

  it.skipIf(process.platform !== 'linux')(
    'refuses a file without size that does not end within the limit',
    async () => {
      expect(await readSideFile('/proc/self/status', 1_000_000)).toContain('Pid:');
      expect((await failureOf(readSideFile('/proc/self/status', 100))).message).toBe('it has more than 100 bytes');
    },
  );
});

describe('replaceSideFile', () => {
  it('creates a file that only its owner can read, and no other file', async () => {
    const path = await newPath();
    await replaceSideFile(path, 'one');
    await replaceSideFile(path, 'two');
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await readdir(dirname(path))).toEqual([basename(path)]);
    if (!isWindows) expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it.skipIf(isWindows)('replaces a hard link without changing the other file', async () => {
    const path = await newPath();
    await writeFile(`${path}.other`, 'precious');
    await link(`${path}.other`, path);
    await replaceSideFile(path, 'ours');
    expect(await readFile(`${path}.other`, 'utf8')).toBe('precious');
  });

  it('leaves no file behind when it fails', async () => {
    const path = await newPath();
    await mkdir(path);
    await failureOf(replaceSideFile(path, 'text'));
    expect(await readdir(dirname(path))).toEqual([basename(path)]);
  });

  it('replaces a file whose name is too long for a temporary one', async () => {
    const path = await newPath('デ'.repeat(85));
    await replaceSideFile(path, 'text');
    expect(await readSideFile(path, 10)).toBe('text');
    expect(await readdir(dirname(path))).toEqual([basename(path)]);
  });
});

describe('createExclusive', () => {
  it('only creates new files', async () => {
    const path = await newPath();
    await (await createExclusive(path, 0o600)).close();
    expect(await failureOf(createExclusive(path, 0o600))).toMatchObject({ code: 'EEXIST' });
  });

  it.skipIf(isWindows)('does not create the target of a dangling link', async () => {
    const path = await newPath();
    await symlink(`${path}.target`, path);
    expect(await failureOf(createExclusive(path, 0o600))).toMatchObject({ code: 'EEXIST' });
    expect(await failureOf(lstat(`${path}.target`))).toMatchObject({ code: 'ENOENT' });
  });
});

describe('temporaryPath', () => {
  it.each(['disk.vhd', 'x'.repeat(255)])('finds the temporary file of %s again by its name', async (name) => {
    const path = await newPath(name);
    const created = await createTemporary(path, 'partial', 0o600);
    await created.handle.close();
    expect(temporaryPath(path, basename(created.path), 'partial')).toBe(created.path);
    expect(temporaryPath(path, basename(created.path), 'tmp')).toBeUndefined();
  });

  it.each([
    'disk.vhd',
    'other.vhd.0123456789ab.partial',
    'disk.vhd.0123456789AB.partial',
    'disk.vhd.0123456789ab.x.partial',
    'disk.vhd./../x.0123456789ab.partial',
    '../disk.vhd.0123456789ab.partial',
    '/tmp/disk.vhd.0123456789ab.partial',
    '.partial',
    '',
  ])('refuses %s, which no temporary file of disk.vhd has', (name) => {
    expect(temporaryPath('folder/disk.vhd', name, 'partial')).toBeUndefined();
  });
});

describe('renamedTemporaryPath', () => {
  it('has the name of creation, or the present name of the file', async () => {
    const path = await newPath('new.vhd');
    const [kept, absent] = ['old.vhd.0123456789ab.part', 'old.vhd.ba9876543210.part'];
    await writeFile(join(dirname(path), kept), '');
    await writeFile(`${path}.ba9876543210.part`, '');
    expect(await renamedTemporaryPath(path, kept, 'part')).toBe(join(dirname(path), kept));
    expect(await renamedTemporaryPath(path, absent, 'part')).toBe(`${path}.ba9876543210.part`);
  });

  it.each([
    'disk.vhd',
    'x.0123456789AB.part',
    'x.0123456789ab.partial',
    '.0123456789ab.part',
    '../x.0123456789ab.part',
    'C:\\x.0123456789ab.part',
    '.part',
    '',
  ])('is not %s, which no temporary file is called', async (name) => {
    expect(await renamedTemporaryPath('folder/disk.vhd', name, 'part')).toBeUndefined();
  });
});

describe('removeLeftOvers', () => {
  it.each(['disk.vhd', 'x'.repeat(250)])('removes the files of createTemporary for %s', async (name) => {
    const path = await newPath(name);
    await (await createTemporary(path, 'tmp', 0o600)).handle.close();
    const kept = await createTemporary(path, 'partial', 0o600);
    await kept.handle.close();
    await removeLeftOvers(path, 'tmp', 0);
    expect(await readdir(dirname(path))).toEqual([basename(kept.path)]);
  });

  it('keeps recent files, links and folders', async () => {
    const path = await newPath();
    const recent = await createTemporary(path, 'tmp', 0o600);
    const old = await createTemporary(path, 'tmp', 0o600);
    await Promise.all([recent.handle.close(), old.handle.close()]);
    await utimes(old.path, new Date(0), new Date(0));
    await mkdir(`${path}.0123456789ab.tmp`);
    await removeLeftOvers(path, 'tmp', 60_000);
    expect((await readdir(dirname(path))).sort()).toEqual(
      [basename(recent.path), `${basename(path)}.0123456789ab.tmp`].sort(),
    );
  });

  it('does not fail if the folder is missing', async () => {
    const path = await newPath();
    await rename(dirname(path), `${dirname(path)}.away`);
    await removeLeftOvers(path, 'tmp', 0);
    await rename(`${dirname(path)}.away`, dirname(path));
  });
});
