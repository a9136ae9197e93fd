import { link, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ParentImageError } from '../../src/errors.ts';
import type { OpenDiskImageOptions } from '../../src/image/disk-image.ts';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import { HAS_SYMBOLIC_LINKS } from '../support/links.ts';
import {
  buildVhd,
  diskOf,
  patchFile,
  patternOf,
  uniqueIdOf,
  type VhdDescription,
  type VhdParent,
} from '../support/vhd-builder.ts';
import { expectSameBytes, failureOf, openWatched, readDisk, temporaryFolder } from '../support/vhd-fixtures.ts';

const SIZE = 256 * 1024;
const PARENT_ID = uniqueIdOf(1);
const base: VhdDescription = {
  type: 'dynamic',
  size: SIZE,
  blockSize: 65536,
  uniqueId: PARENT_ID,
  contents: [{ offset: 0, bytes: patternOf(1, 4096) }],
};
const own = [{ offset: 65536, bytes: patternOf(2, 4096) }];

function childWith(parent: Partial<VhdParent>): VhdDescription {
  return {
    ...base,
    type: 'differencing',
    uniqueId: uniqueIdOf(2),
    contents: own,
    parent: { uniqueId: PARENT_ID, ...parent },
  };
}

/** Builds the child in its own temporary folder, and a file at each path in `others`, relative to the child. */
async function place(parent: Partial<VhdParent>, others: Readonly<Record<string, VhdDescription>>): Promise<string> {
  const path = join(await temporaryFolder(), 'vm', 'child.vhd');
  await mkdir(dirname(path));
  await buildVhd(path, childWith(parent));
  for (const [name, description] of Object.entries(others)) {
    const other = join(dirname(path), name);
    await mkdir(dirname(other), { recursive: true });
    await buildVhd(other, description);
  }
  return path;
}

/** @returns the names of the opened files. */
async function opens(path: string, options: OpenDiskImageOptions = {}): Promise<string[]> {
  const { image } = await openWatched(path, options);
  expectSameBytes(await readDisk(image), diskOf(SIZE, own, diskOf(SIZE, base.contents ?? [])));
  return image.files.map(({ name }) => name);
}

async function refuses(path: string, options: OpenDiskImageOptions = {}): Promise<string> {
  const error = await failureOf(openDiskImage(path, options));
  expect(error).toBeInstanceOf(ParentImageError);
  return error.message;
}

const w2ru = (text: string) => ({ locators: [{ code: 'W2ru', text }] });
const w2ku = (text: string) => ({ locators: [{ code: 'W2ku', text }] });
const macX = (text: string) => ({ locators: [{ code: 'MacX', text }] });

describe('opening a child finds the parent', () => {
  it.each([
    ['by a relative Windows path', w2ru('.\\base.vhd'), 'base.vhd'],
    ['by a relative path into another folder', w2ru('..\\bases\\base.vhd'), '../bases/base.vhd'],
    ['by a relative path with both kinds of slashes', w2ru('..\\bases/base.vhd'), '../bases/base.vhd'],
    ['by a relative path in the absolute locator, as blktap writes it', w2ku('.\\base.vhd'), 'base.vhd'],
    ['by a relative file URL', macX('file://./the%20base.vhd'), 'the base.vhd'],
    ['by the name in an absolute Windows path', w2ku('C:\\old place\\base.vhd'), 'base.vhd'],
    ['by the name in a network path', w2ku('\\\\host\\share\\base.vhd'), 'base.vhd'],
    ['by the name in a file URL of another host', macX('file://host/share/base.vhd'), 'base.vhd'],
    ['by the name in the dynamic header alone', { name: 'base.vhd' }, 'base.vhd'],
    ['by the path in the dynamic header', { name: 'D:\\vm\\base.vhd' }, 'base.vhd'],
    ['by a name in UTF-16 in the wrong byte order', { name: Buffer.from('base.vhd', 'utf16le') }, 'base.vhd'],
    ['by a path in UTF-16 in the wrong byte order', { name: Buffer.from('C:\\game\\base.vhd', 'utf16le') }, 'base.vhd'],
    ['by a name in UTF-8', { name: Buffer.from('größe.vhd') }, 'größe.vhd'],
    ['by a deprecated locator', { locators: [{ code: 'Wi2r', text: Buffer.from('.\\base.vhd\0') }] }, 'base.vhd'],
    ['by a path in another case', w2ru('..\\BASES\\Base.VHD'), '../bases/base.vhd'],
    ['by a name in another case', { name: 'BASE.VHD' }, 'base.vhd'],
    ['by a name with braces and blanks', w2ru('.\\{5fc6 x} base.vhd'), '{5fc6 x} base.vhd'],
  ])('%s', async (_name, parent, at) => {
    const path = await place(parent, { [at]: base });
    // Windows ignores case in file names, and reports the name as it was requested.
    const [child, parentName] = await opens(path);
    expect([child, process.platform === 'win32' ? parentName?.toLowerCase() : parentName]).toEqual([
      'child.vhd',
      basename(at),
    ]);
  });

  it('in a folder that the user gives, before all others', async () => {
    const path = await place({ name: 'base.vhd' }, { '../given/base.vhd': base, 'base.vhd': base });
    const given = join(dirname(path), '../given');
    const messages: string[] = [];
    const image = await openDiskImage(path, { parentPaths: [given], onDebug: (message) => messages.push(message) });
    await image.close();
    expect(messages.join('\n')).toContain(join(given, 'base.vhd'));
  });

  it('in a file that the user gives, under any name', async () => {
    const path = await place({ name: 'base.vhd' }, { '../given/renamed': base });
    expect(await opens(path, { parentPaths: [join(dirname(path), '../given/renamed')] })).toEqual([
      'child.vhd',
      'renamed',
    ]);
  });

  it('by an absolute path, as the last choice', async () => {
    const path = await place({}, { '../far/base of all.vhd': base });
    const absolute = join(dirname(path), '../far/base of all.vhd');
    await buildVhd(path, childWith(w2ku(absolute)));
    expect(await opens(path)).toEqual(['child.vhd', 'base of all.vhd']);
    await buildVhd(path, childWith(macX(`file://localhost${pathToFileURL(absolute).pathname}`)));
    expect(await opens(path)).toEqual(['child.vhd', 'base of all.vhd']);
  });

  it.skipIf(!HAS_SYMBOLIC_LINKS)(
    'relative to the real folder of the child, when it is opened through a link',
    async () => {
      const path = await place(w2ru('.\\base.vhd'), { 'base.vhd': base });
      const alias = join(dirname(path), '..', 'alias.vhd');
      await symlink(path, alias);
      expect(await opens(alias)).toEqual(['alias.vhd', 'base.vhd']);
    },
  );

  it('by its unique id, when another disk has the same name', async () => {
    const locators = [...w2ru('.\\base.vhd').locators, ...w2ru('..\\bases\\base.vhd').locators];
    const path = await place(
      { locators },
      { 'base.vhd': { ...base, uniqueId: uniqueIdOf(9) }, '../bases/base.vhd': base },
    );
    expect(await opens(path)).toEqual(['child.vhd', 'base.vhd']);
  });

  it('whatever its timestamp is: a difference is only a note', async () => {
    for (const timestamp of [0, 800_000_000]) {
      const path = await place({ name: 'base.vhd', timestamp }, { 'base.vhd': base });
      const { warnings, notes } = await openWatched(path);
      expect(warnings).toEqual([]);
      expect(notes.join('\n')).toContain(`its timestamp is 700000000, but the child expects ${timestamp}`);
    }
  });

  it('with a warning if it was modified after the child was created', async () => {
    const path = await place({ name: 'base.vhd', timestamp: 699_000_000 }, { 'base.vhd': base });
    const { warnings, messages } = await openWatched(path);
    expect(warnings).toEqual(['parent-modified']);
    expect(messages[0]).toMatch(
      /base\.vhd was written at 2022-03-07T20:26:40.000Z, but its child .*child\.vhd was created/,
    );
  });

  it.each([SIZE / 2, SIZE * 2])('with a warning if its disk size differs: %i', async (size) => {
    const path = await place({ name: 'base.vhd' }, { 'base.vhd': { ...base, size } });
    const { warnings, messages } = await openWatched(path);
    expect(warnings).toEqual(['parent-size-differs']);
    expect(messages[0]).toContain(`has ${size} bytes, but the disk in its child`);
  });

  it('with its own warnings, but not those of rejected candidates', async () => {
    const path = await place(w2ru('.\\other.vhd'), {
      'other.vhd': { ...base, uniqueId: uniqueIdOf(9), footers: 'tail' },
      'base.vhd': { ...base, footers: 'tail' },
    });
    await buildVhd(path, childWith({ ...w2ru('.\\other.vhd'), name: 'base.vhd' }));
    const { warnings, messages } = await openWatched(path);
    expect(warnings).toEqual(['footer-copy-damaged']);
    expect(messages[0]).toContain('base.vhd');
  });
});

describe('a parent whose name the image does not contain is found by its id', () => {
  it.each([
    ['GBK', [0xb8, 0xb8, 0xb4, 0xc5, 0xc5, 0xcc], '父磁盘.vhd'],
    ['Shift-JIS', [0x90, 0x65], '親.vhd'],
    ['Windows-1251', [0xf0, 0xee], 'ро.vhd'],
    ['code page 437', [0x82], 'é.vhd'],
  ])('in the encoding %s', async (_encoding, bytes, name) => {
    const stored = Buffer.from([...bytes, ...Buffer.from('.vhd')]);
    const path = await place({ name: stored }, { [name]: base, 'other.vhd': { ...base, uniqueId: uniqueIdOf(9) } });
    expect(await opens(path)).toEqual(['child.vhd', name]);
  });

  it('in a folder that the user gives, before the folder of the child', async () => {
    const path = await place({ name: 'base.vhd' }, { '../given/renamed.vhd': base, 'copied.vhd': base });
    const given = join(dirname(path), '../given');
    expect(await opens(path, { parentPaths: [given] })).toEqual(['child.vhd', 'renamed.vhd']);
  });

  it('with a warning that names it, and without the warnings of other files', async () => {
    const path = await place(
      { name: 'base.vhd', timestamp: 700_000_000 },
      { 'a.vhd': { ...base, uniqueId: uniqueIdOf(9), footers: 'tail' }, 'renamed.AVHD': base },
    );
    const { image, warnings, messages } = await openWatched(path);
    expect(image.files).toHaveLength(2);
    expect(warnings).toEqual(['parent-found-by-id']);
    expect(messages.join()).toMatch(
      /renamed\.AVHD is used as the parent of \S*child\.vhd: it has the id .* not the name/,
    );
  });

  it.each([699_999_999, 700_000_001])(
    'but not with another timestamp than the child records, %i, unless the user names it',
    async (timestamp) => {
      const path = await place(
        { name: 'base.vhd', timestamp: 700_000_000 },
        { 'copy.vhd': { ...base, timestamp }, 'b.vhd': { ...base, uniqueId: uniqueIdOf(9) }, 'c.vhd': childWith({}) },
      );
      const message = await refuses(path);
      expect(message).toMatch(
        /copy\.vhd \(same folder\): it has this unique id, but its timestamp is 2022-03-07T20:26:\d\d\.000Z instead of 2022-03-07T20:26:40\.000Z, so it may be an older or modified copy of the parent; .* --parent-path/,
      );
      expect(message).toContain('none of the 2 other VHD files in it has this id, or they cannot be read');
      expect(await refuses(path, { parentPaths: [dirname(path)] })).toContain('it may be an older or modified copy');
      expect(await opens(path, { parentPaths: [join(dirname(path), 'copy.vhd')] })).toEqual(['child.vhd', 'copy.vhd']);
    },
  );

  it('beside an older copy, by its timestamp', async () => {
    const path = await place(
      { name: 'base.vhd', timestamp: 700_000_000 },
      { 'a.vhd': { ...base, timestamp: 600_000_000 }, 'renamed.vhd': base },
    );
    expect(await opens(path)).toEqual(['child.vhd', 'renamed.vhd']);
  });

  it('and if it is the only other file and cannot be read, the error says why', async () => {
    const path = await place({ name: 'base.vhd' }, { 'renamed.vhd': { ...base, footers: 'head' } });
    await patchFile(join(dirname(path), 'renamed.vhd'), 100, Uint8Array.of(1));
    const message = await refuses(path);
    expect(message).toMatch(/renamed\.vhd \(same folder\): .*its checksum is/);
    expect(message).not.toContain('none of');
  });

  it('but not if several files have this id, because a modified copy keeps it', async () => {
    const path = await place(
      { name: 'base.vhd' },
      { 'a.vhd': base, 'b.vhd': base, 'c.vhd': { ...base, uniqueId: uniqueIdOf(9) } },
    );
    expect(await refuses(path)).toMatch(/\(same folder\): several files in it have this id: \S*a\.vhd, \S*b\.vhd\n/);
  });

  it('but not under the name of another format, or through a link', async () => {
    const path = await place({ name: 'base.vhd' }, { 'base.img': base, '../far/base.vhd': base });
    if (HAS_SYMBOLIC_LINKS) await symlink('../far/base.vhd', join(dirname(path), 'link.vhd'));
    expect(await refuses(path)).not.toContain('same folder');
  });

  it('but not if it is one of hundreds of files, which the error counts', async () => {
    const path = await place({ name: 'base.vhd' }, { 'z.vhd': base });
    for (let index = 0; index < 256; index++) await writeFile(join(dirname(path), `a${index}.vhd`), 'not a disk');
    const message = await refuses(path);
    expect(message).toContain('none of the first 256 other VHD files in it has this id, or they cannot be read');
    expect(message.split('\n')).toHaveLength(4);
  });
});

describe('opening a child finds the parent with a name that is composed otherwise', () => {
  it.each([
    ['NFC', 'NFD'],
    ['NFD', 'NFC'],
  ])('%s in the image, %s in the folder', async (inImage, inFolder) => {
    const name = 'Äpfel.vhd'.normalize(inFolder);
    // With a copy beside it, only the name can distinguish them.
    const path = await place({ name: 'Äpfel.vhd'.normalize(inImage) }, { [name]: base, 'copy.vhd': base });
    const [, parent] = await opens(path);
    expect(parent?.normalize()).toBe('Äpfel.vhd'.normalize());
  });
});

describe('when the parent is not found, the error names', () => {
  it('every candidate with its reason, and the next step', async () => {
    const path = await place(
      { name: 'C:\\x\\third.vhd', locators: [...w2ru('.\\first.vhd').locators, ...w2ru('..\\second.vhd').locators] },
      { 'first.vhd': { ...base, uniqueId: uniqueIdOf(9) } },
    );
    await writeFile(join(dirname(path), 'third.vhd'), 'not a disk');
    const message = await refuses(path);
    expect(message).toContain(`unique id ${Buffer.from(PARENT_ID).toString('hex')}`);
    expect(message).toMatch(
      new RegExp(`first\\.vhd \\(parent locator 0 .*its unique id is ${Buffer.from(uniqueIdOf(9)).toString('hex')}`),
    );
    expect(message).toMatch(/second\.vhd \(parent locator 1 .*there is no such file/);
    expect(message).toMatch(
      /third\.vhd \(name in parent name\): it is a text file, but the parent of a VHD must be a VHD/,
    );
    expect(message).toContain('--parent-path');
  });

  it('the problem of each locator that cannot be read', async () => {
    const locators = [
      { code: 'W2ru', text: Buffer.from('a\0\x00\xd8', 'latin1') },
      { code: 'Mac ', text: 'alias' },
    ];
    const message = await refuses(await place({ locators }, {}));
    expect(message).toContain(
      '\n  parent locator 0 (W2ru): not tried, because its text has no known encoding (UTF-16, UTF-8 or Windows-1252)\n',
    );
    expect(message).toContain('\n  parent locator 1 (Mac ): not tried, because its kind contains no readable path\n');
  });

  it('an image that names no parent', async () => {
    expect(await refuses(await place({}, {}))).toContain('the image contains no path of its parent');
  });

  it('a given file that does not exist', async () => {
    const path = await place({ name: 'base.vhd' }, {});
    expect(await refuses(path, { parentPaths: ['/nowhere/base.vhd'] })).toMatch(
      /given with --parent-path.*no such file/,
    );
  });

  it('a candidate that is a VHDX', async () => {
    const path = await place({ name: 'base.vhd' }, {});
    await writeFile(join(dirname(path), 'base.vhd'), Buffer.concat([Buffer.from('vhdxfile'), Buffer.alloc(4096)]));
    expect(await refuses(path)).toContain('it is a VHDX disk image, but the parent of a VHD must be a VHD');
  });

  it('a candidate with a damaged footer', async () => {
    const path = await place({ name: 'base.vhd' }, { 'base.vhd': { ...base, footers: 'head' } });
    await patchFile(join(dirname(path), 'base.vhd'), 100, Uint8Array.of(1));
    expect(await refuses(path)).toMatch(/base\.vhd \(.*its checksum is/);
  });

  it.skipIf(!HAS_SYMBOLIC_LINKS)('a candidate that is a folder or a dangling link', async () => {
    const path = await place({ locators: [...w2ru('.\\dir.vhd').locators, ...w2ru('.\\link.vhd').locators] }, {});
    await mkdir(join(dirname(path), 'dir.vhd'));
    await symlink('nowhere', join(dirname(path), 'link.vhd'));
    const message = await refuses(path);
    expect(message).toMatch(/dir\.vhd .*not a regular file/);
    expect(message).toMatch(/link\.vhd .*no such file/);
  });

  it('a parent id of zero: a raw file, which only Xen supports', async () => {
    const path = await place({ uniqueId: new Uint8Array(16), name: 'base.raw' }, {});
    expect(await refuses(path)).toContain('its parent id is zero, so the parent is a raw file');
  });
});

describe('an image never makes vhdup open', () => {
  it.each([
    [
      'a network path',
      w2ku('\\\\host\\share\\x.vhd'),
      /\/\/host\/share\/x\.vhd .*not tried, because it is on another computer/,
    ],
    ['a long network path', w2ku('\\\\?\\UNC\\host\\share\\x.vhd'), /not tried, because it is on another computer/],
    ['a file URL of another host', macX('file://host/share/x.vhd'), /not tried, because it is on another computer/],
    ['a Windows device', w2ku('\\\\.\\PhysicalDrive0'), /not tried, because it names a device/],
    ['a device', w2ku('/dev/zero'), /not tried, because it names a device/],
    ['a reserved name', w2ru('.\\NUL'), /not tried, because it names a device/],
    [
      'a name with control characters',
      w2ru('.\\a\x1b[2J.vhd'),
      /a\\u\{1b\}\[2J\.vhd .*not tried, because it has control characters/,
    ],
  ])('%s', async (_name, parent, message) => {
    expect(await refuses(await place(parent, {}))).toMatch(message);
  });

  // On Windows these are ordinary folders.
  it.skipIf(process.platform === 'win32').each([
    ['a device through a relative path', w2ru('..\\..\\..\\..\\..\\..\\dev\\zero')],
    ['a kernel pseudo-file through a relative path', w2ru('../../../../../../proc/self/environ')],
  ])('%s', async (_name, parent) => {
    expect(await refuses(await place(parent, {}))).toMatch(/not tried, because it names a device/);
  });

  it.skipIf(process.platform === 'win32')('a device through a link', async () => {
    const path = await place({ name: 'base.vhd' }, {});
    await symlink('/dev/zero', join(dirname(path), 'base.vhd'));
    expect(await refuses(path)).toContain('not used, because it leads to a device');
  });

  it.skipIf(process.platform === 'win32')(
    'a network path where the system has none, even if network paths are allowed',
    async () => {
      const path = await place(w2ku('\\\\host\\share\\x.vhd'), {});
      expect(await refuses(path, { allowNetworkParents: true })).toContain('only Windows can open such paths');
    },
  );

  it('a device, even if network paths are allowed', async () => {
    const path = await place(w2ku('\\\\.\\pipe\\x'), {});
    expect(await refuses(path, { allowNetworkParents: true })).toContain('it names a device');
  });
});

describe('opening a parent chain', () => {
  it('refuses a loop of one file', async () => {
    const path = await place({ uniqueId: uniqueIdOf(2), name: 'child.vhd' }, {});
    expect(await refuses(path)).toContain('so the chain is a loop');
  });

  it('refuses a loop of two files', async () => {
    const grandparent = { ...childWith({ uniqueId: uniqueIdOf(2), name: 'child.vhd' }), uniqueId: PARENT_ID };
    expect(await refuses(await place({ name: 'base.vhd' }, { 'base.vhd': grandparent }))).toContain(
      'so the chain is a loop',
    );
  });

  it('refuses the same file twice under different names: a hard link', async () => {
    const path = await place({ name: 'base.vhd' }, {});
    await link(path, join(dirname(path), 'base.vhd'));
    expect(await refuses(path)).toContain('it is already in the chain');
  });

  it('accepts 256 files, and refuses more', async () => {
    const folder = await temporaryFolder();
    await buildVhd(join(folder, '0.vhd'), { ...base, uniqueId: uniqueIdOf(1000) });
    for (let level = 1; level <= 256; level++) {
      await buildVhd(join(folder, `${level}.vhd`), {
        ...base,
        type: 'differencing',
        uniqueId: uniqueIdOf(1000 + level),
        contents: [{ offset: level * 512, bytes: patternOf(level, 512) }],
        parent: { uniqueId: uniqueIdOf(999 + level), name: `${level - 1}.vhd` },
      });
    }
    const { image } = await openWatched(join(folder, '255.vhd'));
    expect(image.files).toHaveLength(256);
    let expected = diskOf(SIZE, base.contents ?? []);
    for (let level = 1; level <= 255; level++) {
      expected = diskOf(SIZE, [{ offset: level * 512, bytes: patternOf(level, 512) }], expected);
    }
    expectSameBytes(await readDisk(image), expected);
    await image.assertUnchanged();
    expect(await refuses(join(folder, '256.vhd'))).toContain('follows at most 256');
  });

  it.skipIf(process.platform !== 'linux')('closes every candidate that is not the parent', async () => {
    const path = await place({ name: 'base.vhd' }, { 'base.vhd': { ...base, uniqueId: uniqueIdOf(9) } });
    const before = await readdir('/proc/self/fd');
    expect(await refuses(path)).toContain('its unique id is');
    expect(await readdir('/proc/self/fd')).toHaveLength(before.length);
  });

  it.skipIf(process.platform !== 'linux')('closes all files when opening any of them fails', async () => {
    const path = await place(
      { name: 'middle.vhd' },
      {
        'middle.vhd': { ...childWith({ uniqueId: uniqueIdOf(7), name: 'base.vhd' }), uniqueId: PARENT_ID },
        'base.vhd': { ...base, uniqueId: uniqueIdOf(7), editHeader: (header) => void header.writeUInt32BE(3, 32) },
      },
    );
    const before = await readdir('/proc/self/fd');
    expect((await failureOf(openDiskImage(path))).message).toContain('block size is 3');
    expect(await readdir('/proc/self/fd')).toHaveLength(before.length);
  });

  it('looks for each parent relative to the folder of its child', async () => {
    const path = await place(w2ru('..\\bases\\middle.vhd'), {
      '../bases/middle.vhd': {
        ...childWith({ uniqueId: uniqueIdOf(7), ...w2ru('.\\deep\\base.vhd') }),
        uniqueId: PARENT_ID,
      },
      '../bases/deep/base.vhd': { ...base, uniqueId: uniqueIdOf(7) },
    });
    expect(await opens(path)).toEqual(['child.vhd', 'middle.vhd', 'base.vhd']);
  });

  it('detects a change of any of its files, and closes all of them', async () => {
    const path = await place({ name: 'base.vhd' }, { 'base.vhd': base });
    const image = await openDiskImage(path);
    await image.assertUnchanged();
    await writeFile(join(dirname(path), 'base.vhd'), 'x', { flag: 'a' });
    await expect(image.assertUnchanged()).rejects.toThrow(/base\.vhd changed while it was being read/);
    await image.close();
    await expect(image.read({ offset: 0, length: 512 }, new Uint8Array(512))).rejects.toThrow(
      /Cannot read .*base\.vhd/,
    );
    await image.close();
  });
});
