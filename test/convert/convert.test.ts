import { utimesSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, realpath, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ConvertOptions, convertImage } from '../../src/convert/convert.ts';
import {
  CorruptImageError,
  ImageAccessError,
  ImageChangedError,
  LocalFileError,
  UsageError,
} from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import { sparseOf } from '../../src/validate-options.ts';
import { HAS_SYMBOLIC_LINKS } from '../support/links.ts';
import {
  bigEndian32,
  buildVhd,
  diskOf,
  patchFile,
  patternOf,
  uniqueIdOf,
  type VhdContent,
  type VhdDescription,
} from '../support/vhd-builder.ts';
import { expectSameBytes, failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const SIZE = 21 * MIB;
const CONTENTS: readonly VhdContent[] = [
  { offset: 0, bytes: patternOf(1, 512) },
  { offset: 6 * MIB, bytes: patternOf(2, 3 * MIB) },
  { offset: 20 * MIB + 512, bytes: patternOf(3, 1024) },
];
const DATA = 512 + 3 * MIB + 1024;

async function makeImage(description: Partial<VhdDescription> = {}) {
  const path = join(await temporaryFolder(), 'disk.vhd');
  const built = await buildVhd(path, { type: 'dynamic', size: SIZE, contents: CONTENTS, ...description });
  return { ...built, output: join(dirname(path), 'output') };
}

/** The footer and the disk of a fixed VHD. */
function partsOf(file: Buffer) {
  return { disk: file.subarray(0, -512), footer: file.subarray(-512) };
}

describe('convertImage', () => {
  it.each(['fixed', 'dynamic'] as const)('writes a %s image as a fixed VHD', async (type) => {
    const { path, output, uniqueId } = await makeImage({ type });
    const result = await convertImage({ image: path, output });
    const { disk, footer } = partsOf(await readFile(output));
    expectSameBytes(disk, diskOf(SIZE, CONTENTS));
    expect(footer.subarray(0, 8).toString('latin1')).toBe('conectix');
    expect(footer.readUInt32BE(60)).toBe(2);
    expect(footer.readBigUInt64BE(48)).toBe(BigInt(SIZE));
    expectSameBytes(footer.subarray(68, 84), uniqueId);
    expect(result).toMatchObject({
      output,
      format: 'vhd-fixed',
      size: SIZE + 512,
      diskSize: SIZE,
      written: DATA + 512,
    });
  });

  it('writes only the disk with raw, without padding', async () => {
    const size = SIZE + 512 * 3;
    const contents = [...CONTENTS, { offset: SIZE, bytes: patternOf(4, 512 * 3) }];
    const { path, output } = await makeImage({ size, contents });
    const result = await convertImage({ image: path, output, raw: true });
    expectSameBytes(await readFile(output), diskOf(size, contents));
    expect(result).toMatchObject({ format: 'raw', size, diskSize: size, written: DATA + 512 * 3 });
  });

  it('pads a VHD with zeros to a whole MiB', async () => {
    const size = SIZE + 512;
    const { path, output } = await makeImage({ size });
    const result = await convertImage({ image: path, output });
    expect(result).toMatchObject({ size: SIZE + MIB + 512, diskSize: size });
    expectSameBytes(partsOf(await readFile(output)).disk, diskOf(SIZE + MIB, CONTENTS));
  });

  it('writes the same bytes, however many windows are in flight', async () => {
    const { path, output } = await makeImage();
    for (const threads of [1, 3, 64]) await convertImage({ image: path, output: `${output}${threads}`, threads });
    const first = await readFile(`${output}1`);
    for (const threads of [3, 64]) expectSameBytes(await readFile(`${output}${threads}`), first);
  });

  it.skipIf(process.platform === 'win32')('leaves holes where the disk is zero', async () => {
    const { path, output } = await makeImage();
    await convertImage({ image: path, output });
    const { blocks } = await stat(output);
    expect(blocks * 512).toBeLessThan(DATA + MIB);
  });

  it.skipIf(process.platform === 'win32')('does not grant more access than the image', async () => {
    const umask = process.umask(0o022);
    onTestFinished(() => void process.umask(umask));
    for (const [image, expected] of [
      [0o600, 0o600],
      [0o640, 0o640],
      [0o644, 0o644],
      [0o664, 0o644],
      [0o604, 0o604],
      [0o400, 0o600],
      [0o755, 0o644],
    ] as const) {
      const { path, output } = await makeImage();
      await chmod(path, image);
      await convertImage({ image: path, output });
      expect((await stat(output)).mode & 0o777).toBe(expected);
    }
  });

  it.skipIf(process.platform === 'win32')(
    'makes a file that is no wider than any parent, nor than the file it replaces',
    async () => {
      const folder = await temporaryFolder();
      const parent = await buildVhd(join(folder, 'parent.vhd'), {
        type: 'dynamic',
        size: SIZE,
        uniqueId: uniqueIdOf(1),
      });
      const image = join(folder, 'child.vhd');
      const locators = [{ code: 'W2ru', text: '.\\parent.vhd' }];
      await buildVhd(image, { type: 'differencing', size: SIZE, parent: { uniqueId: parent.uniqueId, locators } });
      await chmod(parent.path, 0o600);
      const output = join(folder, 'output');
      await convertImage({ image, output });
      expect((await stat(output)).mode & 0o777).toBe(0o600);
      await chmod(parent.path, 0o644);
      await convertImage({ image, output, overwrite: true });
      expect((await stat(output)).mode & 0o777).toBe(0o600);
    },
  );

  it('reads and writes files whose names have 255 bytes', async () => {
    const { path } = await makeImage();
    const long = join(dirname(path), 'デ'.repeat(85));
    await rename(path, long);
    const output = join(dirname(path), 'x'.repeat(255));
    await convertImage({ image: long, output });
    expect((await stat(output)).size).toBe(SIZE + 512);
    expect((await readdir(dirname(path))).sort()).toEqual([basename(output), basename(long)].sort());
  });

  it('writes a sparse file except on Windows, where Hyper-V does not mount one', async () => {
    const { path, output } = await makeImage();
    expect(await convertImage({ image: path, output })).toMatchObject({ sparse: process.platform !== 'win32' });
    expect([undefined, true, false].map((wanted) => sparseOf(wanted, 'win32'))).toEqual([false, true, false]);
    expect([undefined, true].map((wanted) => sparseOf(wanted, 'linux'))).toEqual([true, true]);
    expect(() => sparseOf(false, 'linux')).toThrow('cp --sparse=never');
  });

  it('converts a converted image to the same bytes', async () => {
    const { path, output } = await makeImage();
    await convertImage({ image: path, output });
    await convertImage({ image: output, output: `${output}2` });
    expectSameBytes(await readFile(`${output}2`), await readFile(output));
  });

  it('reports what it does', async () => {
    const { path, output } = await makeImage();
    const events: UploadEvent[] = [];
    await convertImage({ image: path, output, onEvent: (event) => events.push(event) });
    expect(events).toContainEqual({ type: 'phase', phase: 'sending' });
    expect(events.findLast(({ type }) => type === 'progress')).toMatchObject({
      sent: DATA,
      unallocated: SIZE - 7 * MIB,
    });
  });
});

/** The files in the folder of the image, which must be only the image. */
async function expectNothingLeft(image: string): Promise<void> {
  expect(await readdir(dirname(image))).toEqual(['disk.vhd']);
}

describe('convertImage when it fails', () => {
  it('keeps an existing file without overwrite', async () => {
    const { path, output } = await makeImage();
    await writeFile(output, 'precious');
    expect(await failureOf(convertImage({ image: path, output }))).toBeInstanceOf(LocalFileError);
    expect(await readFile(output, 'utf8')).toBe('precious');
    await convertImage({ image: path, output, overwrite: true });
    expect((await stat(output)).size).toBe(SIZE + 512);
  });

  it.each(['its own name', 'another path', ...(HAS_SYMBOLIC_LINKS ? ['a symbolic link'] : [])])(
    'never replaces the image itself, by %s',
    async (way) => {
      const { path } = await makeImage();
      const before = await readFile(path);
      const folder = dirname(path);
      const link = join(folder, 'link.vhd');
      if (way === 'a symbolic link') await symlink(path, link);
      const output =
        way === 'its own name'
          ? path
          : way === 'another path'
            ? join(folder, '..', basename(folder), 'disk.vhd')
            : link;
      expect(await realpath(output)).toBe(await realpath(path));
      const error = await failureOf(convertImage({ image: path, output, overwrite: true }));
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain('is the image itself');
      expectSameBytes(await readFile(path), before);
    },
  );

  it('never replaces a parent of the image', async () => {
    const folder = await temporaryFolder();
    const parent = await buildVhd(join(folder, 'parent.vhd'), { type: 'dynamic', size: SIZE, uniqueId: uniqueIdOf(1) });
    const before = await readFile(parent.path);
    const image = join(folder, 'child.vhd');
    const locators = [{ code: 'W2ru', text: '.\\parent.vhd' }];
    await buildVhd(image, { type: 'differencing', size: SIZE, parent: { uniqueId: parent.uniqueId, locators } });
    const error = await failureOf(convertImage({ image, output: parent.path, overwrite: true }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain('is a parent of');
    expectSameBytes(await readFile(parent.path), before);
  });

  it('leaves no file behind when the image is corrupt', async () => {
    const { path, tableOffset, output } = await makeImage();
    await patchFile(path, tableOffset + 4 * 3, bigEndian32(0x7fffffff));
    expect(await failureOf(convertImage({ image: path, output }))).toBeInstanceOf(CorruptImageError);
    await expectNothingLeft(path);
  });

  it('leaves no file behind when the image changes meanwhile', async () => {
    const { path, output } = await makeImage({ type: 'fixed' });
    let isTouched = false;
    const error = await failureOf(
      convertImage({
        image: path,
        output,
        onEvent: ({ type }) => {
          if (type !== 'progress' || isTouched) return;
          isTouched = true;
          // Listeners are called at once, and the image is checked again at the end.
          utimesSync(path, 0, 0);
        },
      }),
    );
    expect(error).toBeInstanceOf(ImageChangedError);
    await expectNothingLeft(path);
  });

  it('leaves no file behind when it is aborted, and throws the reason unchanged', async () => {
    const { path, output } = await makeImage();
    for (const when of ['before', 'meanwhile'] as const) {
      const stop = new AbortController();
      const reason = new Error('enough');
      if (when === 'before') stop.abort(reason);
      const options: ConvertOptions = {
        image: path,
        output,
        signal: stop.signal,
        onEvent: ({ type }) => {
          if (type === 'progress') stop.abort(reason);
        },
      };
      expect(await failureOf(convertImage(options))).toBe(reason);
      await expectNothingLeft(path);
    }
  });

  it('reports a missing image, a missing folder, and a folder at the path', async () => {
    const { path, output } = await makeImage();
    expect(await failureOf(convertImage({ image: `${path}x`, output }))).toBeInstanceOf(ImageAccessError);
    expect(await failureOf(convertImage({ image: path, output: join(output, 'absent') }))).toBeInstanceOf(
      LocalFileError,
    );
    await mkdir(output);
    expect(await failureOf(convertImage({ image: path, output, overwrite: true }))).toBeInstanceOf(LocalFileError);
    expect(await readdir(output)).toEqual([]);
  });

  it('refuses an empty path before anything is written', async () => {
    const { path, output } = await makeImage();
    const empty = await failureOf(convertImage({ image: '', output }));
    expect(empty).toBeInstanceOf(UsageError);
    expect(empty.message).toBe('The path of the image is empty. Give the path of an image file.');
    const nowhere = await failureOf(convertImage({ image: path, output: '' }));
    expect(nowhere).toBeInstanceOf(LocalFileError);
    expect(nowhere.message).toContain('its path is empty');
  });

  it('refuses an invalid number of threads', async () => {
    const { path, output } = await makeImage();
    expect(await failureOf(convertImage({ image: path, output, threads: 65 }))).toBeInstanceOf(UsageError);
    await expectNothingLeft(path);
  });
});
