import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { filesOf, givenFiles, requireClearOptions } from '../../../src/cli/guided/given-files.ts';
import { hasImageName } from '../../../src/cli/guided/image-names.ts';
import { ImageAccessError, UnsupportedImageError, UsageError } from '../../../src/errors.ts';
import { SIGNATURE, sasWith } from '../../support/sas-samples.ts';
import { buildVhd } from '../../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;

let folder: string;
const at = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = await temporaryFolder();
  for (const name of ['disk.vhdx', 'web 01.VHD', 'upload', 'upload.vhd', 'notes.txt', 'empty.img']) {
    await writeFile(at(name), 'text\n');
  }
  await mkdir(at('machine/Virtual Hard Disks'), { recursive: true });
  await mkdir(at('machine/Snapshots.vhd'));
  await mkdir(at('nothing'));
  await writeFile(at('machine/Virtual Hard Disks/b.vhdx'), '');
  await writeFile(at('machine/a.avhdx'), '');
  await writeFile(at('machine/config.vmcx'), '');
  await buildVhd(at('disk.bin'), { type: 'dynamic', size: MIB, contents: [] });
});

async function found(...args: string[]) {
  return await givenFiles(args);
}

describe('a command line that begins with a file', () => {
  it('names one, or several, with options behind them', async () => {
    const disk = at('disk.vhdx');
    expect(await found(disk)).toEqual({ files: [disk], areNamed: true, options: [] });
    expect(await found(disk, at('web 01.VHD'), disk, '-t', '8')).toEqual({
      files: [disk, at('web 01.VHD')],
      areNamed: true,
      options: ['-t', '8'],
    });
  });

  it('names a folder, with images in it and in its folders', async () => {
    expect(await found(at('machine'))).toEqual({
      files: [at('machine/Virtual Hard Disks/b.vhdx'), at('machine/a.avhdx')],
      areNamed: false,
      options: [],
    });
  });

  it.each([
    [['--report', 'r.html'], '--report'],
    [['-t', '8', '--manifest=m'], '--manifest'],
    [['--disk', 'd'], '--disk'],
    [['-n'], '-n'],
  ])('refuses %j for several images', (options, option) => {
    const given = { files: ['a.vhd', 'b.vhd'], areNamed: true, options };
    expect(() => requireClearOptions(given)).toThrow(`${option} is for one image, but there are 2.`);
    expect(() => requireClearOptions({ ...given, files: ['a.vhd'] })).not.toThrow();
  });

  it('allows options of one image for a folder, from which one may be chosen, but no plan', () => {
    const given = { files: ['a.vhd', 'b.vhd'], areNamed: false };
    expect(() => requireClearOptions({ ...given, options: ['--disk', 'd', '--reports-of-mine'] })).not.toThrow();
    expect(() => requireClearOptions({ ...given, options: ['--dry-run'] })).toThrow(UsageError);
  });

  it.each([
    [[]],
    [['']],
    [['upload']],
    [['upload', 'disk.vhdx']],
    [['image']],
    [['add-azvhd', 'disk.vhdx']],
    [['--help']],
    [['-x.vhd']],
    [['uplaod']],
    [['notes.text']],
    [[`https://acc.blob.core.windows.net/vhds/disk.vhd?${sasWith()}`]],
  ])('does not begin with a file: %j', async (args) => {
    expect(await givenFiles(args)).toBeUndefined();
  });

  it('begins with a command, even if a file has its name', async () => {
    expect(await found('upload', at('disk.vhdx'))).toBeUndefined();
    // Only a path shows that the file is meant.
    expect((await failureOf(found(at('upload')))).message).toContain('it is a text file');
  });

  it('names what does not exist, with what is like it', async () => {
    const error = await failureOf(found(at('disc.vhdx')));
    expect(error).toBeInstanceOf(ImageAccessError);
    expect(error.message).toBe(
      `Cannot open ${at('disc.vhdx')}: there is no such file. Did you mean ${at('disk.vhdx')}?`,
    );
    expect((await failureOf(found('no/such/folder.vhd'))).message).toBe(
      'Cannot open no/such/folder.vhd: there is no such file.',
    );
    expect(await failureOf(found(at('disk.vhdx'), at('other.vhdx')))).toBeInstanceOf(ImageAccessError);
  });

  it.each([['vhds/disk.txt'], [`https://acc.blob.core.windows.net/vhds/disk.vhd?${sasWith()}`]])(
    'names a destination, which needs a command: %s',
    async (destination) => {
      const error = await failureOf(found(at('disk.vhdx'), destination));
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain(`vhdup upload ${at('disk.vhdx')} DESTINATION`);
      expect(error.message).not.toContain(SIGNATURE.slice(4, 16));
    },
  );

  it('names a file whose name is not that of an image', async () => {
    const text = await failureOf(found(at('notes.txt')));
    expect(text).toBeInstanceOf(UnsupportedImageError);
    const image = await failureOf(found(at('disk.bin')));
    expect(image).toBeInstanceOf(UsageError);
    expect(image.message).toContain('Rename it, or say what to do with it: vhdup upload');
  });

  it('names a folder without an image', async () => {
    const error = await failureOf(found(at('nothing')));
    expect(error).toBeInstanceOf(ImageAccessError);
    expect(error.message).toContain('.raw, .img or .dd');
  });
});

describe('a file that is dropped on a window', () => {
  it.each([
    ['as it is', (path: string) => path],
    ['in quotes', (path: string) => `"${path}"`],
    ['in single quotes, with a blank behind it', (path: string) => `'${path}' `],
    ['as PowerShell calls programs', (path: string) => `& '${path}'`],
    ['with an invisible mark, as Windows copies it from a dialog', (path: string) => `\u202a${path}`],
    ['as a URL', (path: string) => pathToFileURL(path).href],
  ])('is found %s', async (_, dropped) => {
    expect((await filesOf(dropped(at('web 01.VHD')))).files).toEqual([at('web 01.VHD')]);
  });

  it.skipIf(process.platform === 'win32')('is found with backslashes before its blanks', async () => {
    expect((await filesOf(at('web\\ 01.VHD'))).files).toEqual([at('web 01.VHD')]);
  });
});

it.each([
  ['a.vhd', true],
  ['A.VHDX', true],
  ['a_1234.avhdx', true],
  ['a.avhd', true],
  ['a.img', true],
  ['a.raw', true],
  ['a.dd', true],
  ['a.vhds', false],
  ['a.vhd.txt', false],
  ['vhd', false],
])('%s: an image by its name? %s', (name, isOne) => {
  expect(hasImageName(name)).toBe(isOne);
});
