import { copyFileSync, mkdirSync, readdirSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CorruptImageError, ParentImageError, UnsupportedImageError, type VhdupError } from '../../../src/errors.ts';
import type { OpenDiskImageOptions } from '../../../src/image/disk-image.ts';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import {
  buildVhdx,
  editSealed,
  guidBytes,
  HEADER_2,
  MIB,
  nextGuid,
  patchFile,
  pattern,
  type VhdxLayout,
  type VhdxSpec,
} from '../../support/vhdx-builder.ts';
import { readRange, withImage, workspace } from '../../support/vhdx-workspace.ts';

const at = workspace();
let count = 0;

/** Returns a path in a new folder. */
function fresh(name: string): string {
  const folder = at(`chain-${count++}`);
  mkdirSync(folder);
  return join(folder, name);
}

function beside(path: string, name: string): string {
  mkdirSync(dirname(join(dirname(path), name)), { recursive: true });
  return join(dirname(path), name);
}

/** A block at `index`, filled from a seed that equals the index. */
function build(path: string, index: number, spec: Partial<VhdxSpec> = {}): VhdxLayout {
  const blocks = [{ index, pieces: [{ at: 0, bytes: pattern(index, MIB) }] }];
  return buildVhdx(path, { size: 4 * MIB, blocks, ...spec });
}

/** Builds a child of `parent` with block 1. The parent has block 0. */
function buildChild(
  path: string,
  parent: VhdxLayout,
  locator: Record<string, string>,
  spec: Partial<VhdxSpec> = {},
): VhdxLayout {
  return build(path, 1, { parent: { parent_linkage: `{${parent.dataWriteGuid}}`, ...locator }, ...spec });
}

/** Opens the chain and returns the base names of its files. */
async function chainOf(path: string, options: OpenDiskImageOptions = {}): Promise<string[]> {
  return await withImage(
    path,
    async (image) => {
      expect((await readRange(image, 0, 2 * MIB)).equals(Buffer.concat([pattern(0, MIB), pattern(1, MIB)]))).toBe(true);
      return image.files.map(({ name }) => name);
    },
    options,
  );
}

async function failureOf(path: string, options: OpenDiskImageOptions = {}): Promise<VhdupError> {
  const image = await openDiskImage(path, options).catch((error: unknown) => error);
  expect(image).toBeInstanceOf(Error);
  return image as VhdupError;
}

describe('openVhdx finds the parent', () => {
  it('at its relative path, with both kinds of slashes and ".."', async () => {
    const child = fresh('child.avhdx');
    const parent = build(beside(child, 'parents/base.vhdx'), 0);
    for (const relative_path of [
      '.\\parents\\base.vhdx',
      'parents/base.vhdx',
      `..\\${dirname(child).replace(/^.*\//, '')}\\parents\\base.vhdx`,
    ]) {
      buildChild(child, parent, { relative_path });
      expect(await chainOf(child)).toEqual(['child.avhdx', 'base.vhdx']);
    }
  });

  it.each(['absolute_win32_path', 'volume_path', 'relative_path'])(
    'next to the child, by the file name in its %s',
    async (key) => {
      const child = fresh('child.avhdx');
      const parent = build(beside(child, 'base.vhdx'), 0);
      buildChild(child, parent, { [key]: '\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\VMs\\base.vhdx' });
      expect(await chainOf(child)).toEqual(['child.avhdx', 'base.vhdx']);
    },
  );

  it('in a different case', async () => {
    const child = fresh('child.avhdx');
    const parent = build(beside(child, 'Base.VHDX'), 0);
    buildChild(child, parent, { relative_path: '.\\base.vhdx' });
    expect(await chainOf(child)).toEqual(['child.avhdx', 'Base.VHDX']);
  });

  it('by its id, when it was renamed', async () => {
    const child = fresh('child.avhdx');
    const parent = build(beside(child, 'renamed.vhdx'), 0);
    build(beside(child, 'another.vhdx'), 0);
    buildChild(child, parent, { relative_path: '.\\base.vhdx' });
    expect(await chainOf(child)).toEqual(['child.avhdx', 'renamed.vhdx']);
  });

  it('where the user says, in a folder or file, before anywhere else', async () => {
    const child = fresh('child.avhdx');
    const parent = build(beside(child, 'elsewhere/base.vhdx'), 0);
    copyFileSync(parent.path, beside(child, 'base.vhdx'));
    buildChild(child, parent, { relative_path: '.\\base.vhdx' });
    for (const given of [dirname(parent.path), parent.path]) {
      const options = { parentPaths: [given] };
      const seen = await withImage(child, async (image) => await Promise.resolve(image.files), options);
      expect(seen).toHaveLength(2);
      patchFile(beside(child, 'base.vhdx'), 0, Buffer.from('damaged'));
      expect(await chainOf(child, options)).toEqual(['child.avhdx', 'base.vhdx']);
    }
  });

  it('at an absolute path of this system', async () => {
    const parent = build(fresh('base.vhdx'), 0);
    const child = fresh('child.avhdx');
    buildChild(child, parent, { absolute_win32_path: parent.path });
    expect(await chainOf(child)).toEqual(['child.avhdx', 'base.vhdx']);
  });

  it('by the second linkage while checkpoints are merged', async () => {
    const child = fresh('child.avhdx');
    const parent = build(beside(child, 'base.vhdx'), 0);
    const linkages = { parent_linkage: `{${nextGuid()}}`, parent_linkage2: `{${parent.dataWriteGuid}}` };
    build(child, 1, { parent: { ...linkages, relative_path: 'base.vhdx' } });
    expect(await chainOf(child)).toEqual(['child.avhdx', 'base.vhdx']);
  });

  it('through a chain of checkpoints', async () => {
    const top = fresh('top.avhdx');
    const base = build(beside(top, 'base.vhdx'), 0);
    const middle = buildChild(beside(top, 'middle.avhdx'), base, { relative_path: 'base.vhdx' });
    buildVhdx(top, { size: 4 * MIB, parent: { parent_linkage: middle.dataWriteGuid, relative_path: 'middle.avhdx' } });
    expect(await chainOf(top)).toEqual(['top.avhdx', 'middle.avhdx', 'base.vhdx']);
  });

  it('relative to the real folder of the child, when the child is opened through a link', async () => {
    const child = fresh('child.avhdx');
    const parent = build(beside(child, 'base.vhdx'), 0);
    buildChild(child, parent, { relative_path: '.\\base.vhdx' });
    const link = fresh('link.avhdx');
    symlinkSync(child, link);
    expect(await chainOf(link)).toEqual(['link.avhdx', 'base.vhdx']);
  });

  it('after skipping files of the same name with another id', async () => {
    const child = fresh('child.avhdx');
    build(beside(child, 'sub/base.vhdx'), 0);
    const parent = build(beside(child, 'base.vhdx'), 0);
    buildChild(child, parent, { relative_path: 'sub\\base.vhdx' });
    expect(await chainOf(child)).toEqual(['child.avhdx', 'base.vhdx']);
  });
});

describe('openVhdx refuses', () => {
  it('a parent that was modified after the child was created, with both ids and the next step', async () => {
    const child = fresh('child.avhdx');
    const parent = build(beside(child, 'base.vhdx'), 0);
    const layout = buildChild(child, parent, { relative_path: '.\\base.vhdx' });
    const changed = nextGuid();
    editSealed(parent.path, HEADER_2, 4096, (header) => guidBytes(changed).copy(header, 32));
    const error = await failureOf(layout.path);
    expect(error).toBeInstanceOf(ParentImageError);
    expect(error.message).toContain(`which has the DataWriteGuid ${parent.dataWriteGuid}`);
    expect(error.message).toContain(`${parent.path} (relative_path): its DataWriteGuid is ${changed}`);
    expect(error.message).toContain('--parent-path');
  });

  it('a missing parent, with every path that was tried, and those that were not', async () => {
    const child = fresh('child.avhdx');
    const parent = build(fresh('base.vhdx'), 0);
    buildChild(child, parent, {
      relative_path: '..\\gone\\one.vhdx',
      absolute_win32_path: 'C:\\VMs\\two.vhdx',
      volume_path: '\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\VMs\\three.vhdx',
    });
    const { message } = await failureOf(child);
    expect(message).toMatch(/gone\/one\.vhdx \(relative_path\): there is no such file/);
    expect(message).toMatch(/\/one\.vhdx \(name in relative_path\): there is no such file/);
    expect(message).toMatch(/\/two\.vhdx \(name in absolute_win32_path\): there is no such file/);
    expect(message).toMatch(/\/three\.vhdx \(name in volume_path\): there is no such file/);
    expect(message).toMatch(/Volume\{.*three\.vhdx \(volume_path\): not tried, because it names a volume by its id/);
  });

  it.each([
    ['\\\\server\\share\\base.vhdx', /on another computer/],
    ['//server/share/base.vhdx', /on another computer/],
    ['\\\\?\\UNC\\server\\share\\base.vhdx', /on another computer/],
    ['\\\\.\\PhysicalDrive0', /names a device/],
    ['/dev/zero', /names a device/],
    ['NUL', /names a device/],
    ['.\\\x1b[2Jbase.vhdx', /control characters/],
  ])('to open %j, in any locator entry', async (path, reason) => {
    for (const key of ['relative_path', 'absolute_win32_path']) {
      const child = fresh('child.avhdx');
      buildChild(child, build(fresh('base.vhdx'), 0), { [key]: path });
      const error = await failureOf(child);
      expect(error).toBeInstanceOf(ParentImageError);
      expect(error.message).toMatch(reason);
      expect([...error.message].filter((character) => character < ' ' && character !== '\n')).toEqual([]);
    }
  });

  it('a parent of another format, and names the format', async () => {
    const child = fresh('child.avhdx');
    const parent = build(beside(child, 'base.vhdx'), 0);
    buildChild(child, parent, { relative_path: 'base.vhdx' });
    patchFile(parent.path, 0, Buffer.from('conectix'));
    expect((await failureOf(child)).message).toMatch(/must begin with "vhdxfile", but begins with "conectix"/);
  });

  it('a damaged parent, and names the damage', async () => {
    const child = fresh('child.avhdx');
    const parent = build(beside(child, 'base.vhdx'), 0);
    buildChild(child, parent, { relative_path: 'base.vhdx' });
    patchFile(parent.path, parent.bat.offset, Buffer.from([4]));
    const error = await failureOf(child);
    expect(error).toBeInstanceOf(ParentImageError);
    expect(error.message).toMatch(/base\.vhdx .*its state is 4/);
  });

  it('an image that is its own parent, by its id or through a link', async () => {
    const path = fresh('self.avhdx');
    const self = nextGuid();
    build(path, 1, { dataWriteGuid: self, parent: { parent_linkage: self, relative_path: 'self.avhdx' } });
    expect((await failureOf(path)).message).toMatch(/is the id of .*self\.avhdx, so the chain is a loop/);
    build(path, 1, { parent: { parent_linkage: nextGuid(), relative_path: 'self.avhdx' } });
    symlinkSync(path, beside(path, 'link.avhdx'));
    expect((await failureOf(beside(path, 'link.avhdx'))).message).toMatch(/it is already in the chain/);
  });

  it('two images that are parents of each other', async () => {
    const one = fresh('one.avhdx');
    const [first, second] = [nextGuid(), nextGuid()];
    build(one, 1, { dataWriteGuid: first, parent: { parent_linkage: second, relative_path: 'two.avhdx' } });
    build(beside(one, 'two.avhdx'), 1, {
      dataWriteGuid: second,
      parent: { parent_linkage: first, relative_path: 'one.avhdx' },
    });
    expect((await failureOf(one)).message).toMatch(/so the chain is a loop/);
  });

  it('a chain of more than 256 files, but not one of 256', async () => {
    const base = fresh('0.vhdx');
    build(base, 0);
    let parent = build(base, 0);
    for (let link = 1; link <= 256; link++) {
      const locator = { parent_linkage: parent.dataWriteGuid, relative_path: `${link - 1}.vhdx` };
      parent = buildVhdx(beside(base, `${link}.vhdx`), { size: 4 * MIB, parent: locator });
    }
    await withImage(beside(base, '255.vhdx'), async (image) => {
      expect(image.files).toHaveLength(256);
      expect((await readRange(image, 0, MIB)).equals(pattern(0, MIB))).toBe(true);
    });
    expect((await failureOf(beside(base, '256.vhdx'))).message).toMatch(/the chain already has 256 files/);
  });

  it('an image whose locator says that the parent is not a VHDX file', async () => {
    const path = fresh('child.avhdx');
    build(path, 1, { locatorType: nextGuid(), parent: { parent_linkage: nextGuid() } });
    expect(await failureOf(path)).toBeInstanceOf(UnsupportedImageError);
  });
});

describe('openVhdx closes all files', () => {
  it.skipIf(process.platform !== 'linux')('when opening fails anywhere in the chain', async () => {
    const top = fresh('top.avhdx');
    const base = build(beside(top, 'base.vhdx'), 0);
    const middle = buildChild(beside(top, 'middle.avhdx'), base, { relative_path: 'base.vhdx' });
    buildVhdx(top, { size: 4 * MIB, parent: { parent_linkage: middle.dataWriteGuid, relative_path: 'middle.avhdx' } });
    const openFiles = (): string[] =>
      readdirSync('/proc/self/fd').flatMap((fd) => {
        try {
          return [readlinkSync(`/proc/self/fd/${fd}`)].filter((path) => path.startsWith(dirname(top)));
        } catch {
          return [];
        }
      });
    await withImage(top, async () => {
      await Promise.resolve();
      expect(openFiles()).toHaveLength(3);
    });
    expect(openFiles()).toEqual([]);
    renameSync(base.path, beside(top, 'moved'));
    expect(await failureOf(top)).toBeInstanceOf(ParentImageError);
    expect(openFiles()).toEqual([]);
    patchFile(middle.path, middle.bat.offset, Buffer.from([4]));
    expect(await failureOf(top)).toBeInstanceOf(ParentImageError);
    patchFile(top, 128 * 1024, Buffer.alloc(4));
    patchFile(top, 64 * 1024, Buffer.alloc(4));
    expect(await failureOf(top)).toBeInstanceOf(CorruptImageError);
    expect(openFiles()).toEqual([]);
  });
});
