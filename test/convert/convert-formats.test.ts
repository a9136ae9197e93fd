import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkImage } from '../../src/check/check-image.ts';
import { type ConvertOptions, convertImage } from '../../src/convert/convert.ts';
import { LocalFileError, UsageError } from '../../src/errors.ts';
import { inspectImage } from '../../src/inspect/inspect.ts';
import { LOCAL_IMAGE_FORMATS, type LocalImageFormat } from '../../src/target/local-image.ts';
import { HAS_SYMBOLIC_LINKS } from '../support/links.ts';
import { buildVhd, patternOf, uniqueIdOf, type VhdContent } from '../support/vhd-builder.ts';
import { expectSameBytes, failureOf, openWatched, readDisk, temporaryFolder } from '../support/vhd-fixtures.ts';
import { expectDiskIs } from '../support/written-disk.ts';

const MIB = 1024 * 1024;
const SIZE = 5 * MIB + 512;
/** A whole number of MiBs, so that a fixed VHD has the same size. */
const WHOLE = 6 * MIB;
const CONTENTS: readonly VhdContent[] = [
  { offset: 0, bytes: patternOf(1, 512) },
  { offset: 3 * MIB, bytes: patternOf(2, 2 * MIB) },
  { offset: SIZE - 512, bytes: patternOf(3, 512) },
];
const DATA = 512 + 2 * MIB + 512;
const RESULTS = { vhd: 'vhd-fixed', 'vhd-dynamic': 'vhd-dynamic', vhdx: 'vhdx-dynamic', raw: 'raw' } as const;

async function makeImage(size = SIZE) {
  const path = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(path, { type: 'dynamic', size, contents: CONTENTS, uniqueId: uniqueIdOf(5), timestamp: 77 });
  return { path, output: join(dirname(path), 'output') };
}

function sourceOptions(format: LocalImageFormat): Pick<ConvertOptions, 'imageFormat'> {
  return format === 'raw' ? { imageFormat: 'raw' } : {};
}

async function openFormat(path: string, format: LocalImageFormat) {
  const { image, warnings } = await openWatched(path, format === 'raw' ? { format } : {});
  expect(warnings).toEqual([]);
  return image;
}

describe('convertImage', () => {
  it.each(LOCAL_IMAGE_FORMATS)('writes the format %s and names it', async (format) => {
    const { path, output } = await makeImage();
    const result = await convertImage({ image: path, output, format });
    const footer = format === 'vhd' ? 512 : 0;
    expect(result).toMatchObject({ output, format: RESULTS[format], diskSize: SIZE, written: DATA + footer });
    expect(result.size).toBe((await stat(output)).size);
    const image = await openFormat(output, format);
    expect(image.format).toBe(RESULTS[format]);
    expect(image.size).toBe(format === 'vhd' ? WHOLE : SIZE);
    await expectDiskIs(image, CONTENTS);
    expect(await readdir(dirname(path))).toEqual(['disk.vhd', 'output']);
  });

  it('writes a fixed VHD by default, and a raw disk with raw', async () => {
    const { path, output } = await makeImage();
    expect((await convertImage({ image: path, output })).format).toBe('vhd-fixed');
    expect((await convertImage({ image: path, output: `${output}2`, raw: true })).format).toBe('raw');
    expect((await convertImage({ image: path, output: `${output}3`, raw: true, format: 'raw' })).format).toBe('raw');
    expectSameBytes(await readFile(`${output}2`), await readFile(`${output}3`));
  });

  it('is a VHDX if the name of the file says so', async () => {
    const { path } = await makeImage();
    const output = join(await temporaryFolder(), 'disk.VHDX');
    expect(await convertImage({ image: path, output })).toMatchObject({ format: 'vhdx-dynamic' });
  });

  it.each(['vhd', 'vhd-dynamic', 'vhdx'] as const)('refuses raw together with the format %s', async (format) => {
    const { path, output } = await makeImage();
    const error = await failureOf(convertImage({ image: path, output, raw: true, format }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain(`--format is ${format}`);
    expect(await readdir(dirname(path))).toEqual(['disk.vhd']);
  });

  it('reads the image as a raw disk with imageFormat, not with format', async () => {
    const { path, output } = await makeImage();
    const whole = await readFile(path);
    await convertImage({ image: path, output, imageFormat: 'raw', format: 'vhdx' });
    expectSameBytes(await readDisk(await openFormat(output, 'vhdx')), whole);
  });

  it('gives the same disk from each format to each other one', async () => {
    const { path, output } = await makeImage(WHOLE);
    let [image, from]: [string, LocalImageFormat] = [path, 'vhd-dynamic'];
    // Each of the twelve pairs once.
    const tour = [
      'vhd',
      'vhd-dynamic',
      'vhdx',
      'vhd',
      'raw',
      'vhd-dynamic',
      'raw',
      'vhdx',
      'raw',
      'vhd',
      'vhdx',
      'vhd-dynamic',
      'vhd',
    ] as const;
    for (const [step, format] of tour.entries()) {
      const next = `${output}${step}`;
      await convertImage({ image, output: next, format, threads: 1, ...sourceOptions(from) });
      [image, from] = [next, format];
      const written = await openFormat(image, format);
      expect(written.size).toBe(WHOLE);
      await expectDiskIs(written, CONTENTS);
      // A raw disk stores no id.
      if (step <= tour.indexOf('raw') && format !== 'raw') expectSameBytes(written.diskId, uniqueIdOf(5));
    }
  });

  it.each(['vhd-dynamic', 'vhdx'] as const)('leaves the zeros of the disk out of a %s', async (format) => {
    const folder = await temporaryFolder();
    const image = join(folder, 'disk.vhd');
    const contents = [{ offset: 40 * MIB, bytes: patternOf(1, 512) }];
    await buildVhd(image, { type: 'fixed', size: 64 * MIB, contents });
    const { size } = await convertImage({ image, output: `${image}x`, format });
    // One block of 2 MiB, and the structures: up to 4 MiB for a VHDX.
    expect(size).toBeLessThanOrEqual(6 * MIB);
    const report = await inspectImage({ image: `${image}x` });
    expect(report.disk?.allocated).toBe(2 * MIB);
  });

  it.each(['vhd-dynamic', 'vhdx'] as const)('writes a %s without any problem for inspect and check', async (format) => {
    const { path, output } = await makeImage(WHOLE);
    await convertImage({ image: path, output, format });
    expect((await inspectImage({ image: output, scan: true })).problems).toEqual([]);
    // The content is not that of a system disk; the format adds nothing to the findings.
    const findings = async (image: string) => (await checkImage({ image, purpose: 'data-disk' })).findings;
    const [before, after] = [await findings(path), await findings(output)];
    const faults = (list: typeof before) =>
      list.filter(({ result }) => !['pass', 'not-applicable'].includes(result)).map(({ id, result }) => [id, result]);
    expect(faults(after)).toEqual(faults(before));
  });

  it.each(LOCAL_IMAGE_FORMATS)('refuses to replace the image, a link or an existing file with %s', async (format) => {
    const { path, output } = await makeImage();
    const before = await readFile(path);
    const itself = await failureOf(convertImage({ image: path, output: path, overwrite: true, format }));
    expect(itself).toBeInstanceOf(UsageError);
    await writeFile(output, 'precious');
    const exists = await failureOf(convertImage({ image: path, output, format }));
    expect(exists).toBeInstanceOf(LocalFileError);
    expect(exists.message).toContain('--overwrite');
    expect(await readFile(output, 'utf8')).toBe('precious');
    if (HAS_SYMBOLIC_LINKS) {
      await symlink(output, `${output}.link`);
      const link = await failureOf(convertImage({ image: path, output: `${output}.link`, overwrite: true, format }));
      expect(link.message).toContain('it is a symbolic link');
    }
    expectSameBytes(await readFile(path), before);
  });

  it.each(LOCAL_IMAGE_FORMATS)('leaves nothing of a %s behind when it is aborted', async (format) => {
    const { path, output } = await makeImage();
    const stop = new AbortController();
    const reason = new Error('enough');
    const options: ConvertOptions = {
      image: path,
      output,
      format,
      signal: stop.signal,
      onEvent: ({ type }) => {
        if (type === 'progress') stop.abort(reason);
      },
    };
    expect(await failureOf(convertImage(options))).toBe(reason);
    expect(await readdir(dirname(path))).toEqual(['disk.vhd']);
  });
});
