import { link, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOf, MIB } from '../../src/base/byte-range.ts';
import { LocalFileError, UsageError } from '../../src/errors.ts';
import { encodeFixedFooter } from '../../src/image/vhd/footer.ts';
import {
  LOCAL_IMAGE_FORMATS,
  type LocalImage,
  type LocalImageFormat,
  type LocalImageOptions,
} from '../../src/target/local-image.ts';
import { discardLocalImage, openLocalImage } from '../../src/target/open-local-image.ts';
import { HAS_SYMBOLIC_LINKS } from '../support/links.ts';
import { patternOf, uniqueIdOf, type VhdContent } from '../support/vhd-builder.ts';
import { expectSameBytes, failureOf, listExtents, openWatched, temporaryFolder } from '../support/vhd-fixtures.ts';
import { readRange } from '../support/vhdx-workspace.ts';
import { expectDiskIs } from '../support/written-disk.ts';

const GIB = 1024 * MIB;
const TIB = 1024 * GIB;
const SIGNAL = new AbortController().signal;
const DISK_ID = uniqueIdOf(7);
const NAMES = { vhd: 'vhd-fixed', 'vhd-dynamic': 'vhd-dynamic', vhdx: 'vhdx-dynamic', raw: 'raw' } as const;
const DYNAMIC = ['vhd-dynamic', 'vhdx'] as const;

async function optionsFor(format: LocalImageFormat, diskSize: number): Promise<LocalImageOptions> {
  const path = join(await temporaryFolder(), 'disk');
  return { path, format, diskSize, diskId: DISK_ID, timestamp: 12345, overwrite: false };
}

async function writeRuns(image: LocalImage, runs: readonly VhdContent[], atOnce = runs.length): Promise<void> {
  for (let first = 0; first < runs.length; first += Math.max(1, atOnce)) {
    const batch = runs.slice(first, first + Math.max(1, atOnce));
    await Promise.all(
      batch.map(({ offset, bytes }) => image.write({ range: { offset, length: bytes.length }, bytes }, SIGNAL)),
    );
  }
}

async function openWritten(path: string, format: LocalImageFormat) {
  const { image, warnings } = await openWatched(path, format === 'raw' ? { format } : {});
  expect(warnings).toEqual([]);
  expect(image.format).toBe(NAMES[format]);
  if (format !== 'raw') expectSameBytes(image.diskId, DISK_ID);
  return image;
}

/** A size in sectors: often near a multiple of 2 MiB, the size of a block. */
const SIZES = fc.oneof(
  fc.integer({ min: 1, max: 20_000 }),
  fc
    .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: -2, max: 2 }))
    .map(([blocks, more]) => blocks * 4096 + more),
);

/** Places as parts of the disk, with lengths in sectors. Runs that overlap an earlier one are left out. */
const PLACES = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 300 })), {
  maxLength: 12,
});

function runsOn(sectors: number, places: readonly (readonly [number, number])[]): VhdContent[] {
  const runs: VhdContent[] = [];
  for (const [index, [place, length]] of places.entries()) {
    const first = Math.min(Math.floor(place * sectors), sectors - 1);
    const bytes = patternOf(index, Math.min(length, sectors - first) * 512);
    const range = { offset: first * 512, length: bytes.length };
    const overlaps = runs.some((run) => run.offset < endOf(range) && range.offset < run.offset + run.bytes.length);
    if (!overlaps) runs.push({ offset: range.offset, bytes });
  }
  return runs;
}

describe('openLocalImage', () => {
  it.each(LOCAL_IMAGE_FORMATS)('writes a disk as %s, in any order, and leaves zeros elsewhere', async (format) => {
    await fc.assert(
      fc.asyncProperty(SIZES, PLACES, fc.integer({ min: 1, max: 5 }), async (sectors, places, atOnce) => {
        const options = await optionsFor(format, sectors * 512);
        const runs = runsOn(sectors, places);
        const target = await openLocalImage(options);
        await writeRuns(target, runs, atOnce);
        await target.finish();
        const image = await openWritten(options.path, format);
        expect(target.size).toBe((await stat(options.path)).size);
        expect(image.size).toBe(sectors * 512);
        await expectDiskIs(image, runs);
      }),
      { numRuns: 15 },
    );
  });

  it.each([
    ['vhd-dynamic', 1],
    ['vhd-dynamic', 9 * GIB + 512],
    ['vhd-dynamic', 2040 * GIB],
    ['vhdx', 9 * GIB + 512],
    ['vhdx', TIB],
    ['vhdx', TIB + 512],
    ['vhdx', 64 * TIB],
  ] as const)('writes a %s of %i bytes', async (format, size) => {
    const diskSize = Math.max(size, 512);
    const options = await optionsFor(format, diskSize);
    // The edges of the disk, and of the chunks of a VHDX, between which its BAT has other entries.
    const offsets = [0, 4 * GIB - 512, 4 * GIB, 8 * GIB, diskSize / 2 - ((diskSize / 2) % 512), diskSize - 512];
    const runs = [...new Set(offsets)]
      .filter((offset) => offset < diskSize)
      .map((offset, index) => ({ offset, bytes: patternOf(index, 512) }));
    const target = await openLocalImage(options);
    await writeRuns(target, runs.toReversed());
    await target.finish();
    const image = await openWritten(options.path, format);
    expect(image.size).toBe(diskSize);
    for (const { offset, bytes } of runs) expectSameBytes(await readRange(image, offset, 512), bytes);
    const extents = await listExtents(image.extents());
    expect(
      extents.every((extent) => runs.some(({ offset }) => extent.offset <= offset && offset < endOf(extent))),
    ).toBe(true);
    for (const { offset } of extents) {
      const isWritten = runs.some((run) => run.offset === offset);
      if (!isWritten) expectSameBytes(await readRange(image, offset, 512), new Uint8Array(512));
    }
  });

  it.each(DYNAMIC)('writes a %s without data as an empty image', async (format) => {
    const options = await optionsFor(format, 40 * MIB);
    await (await openLocalImage(options)).finish();
    const image = await openWritten(options.path, format);
    expect(await listExtents(image.extents())).toEqual([]);
  });

  it.each([
    ['vhd-dynamic', 2040 * GIB + 512, '2,040 GiB'],
    ['vhdx', 64 * TIB + 512, '64 TiB'],
  ] as const)('refuses a disk that is too large for a %s before anything is written', async (format, size, limit) => {
    const options = await optionsFor(format, size);
    const error = await failureOf(openLocalImage(options));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain(limit);
    expect(error.message).toContain(String(size));
    expect(error.message).toContain('--format');
    expect(await readdir(dirname(options.path))).toEqual([]);
  });

  it.each(LOCAL_IMAGE_FORMATS)('gives a %s its name only when it is complete', async (format) => {
    const options = await optionsFor(format, 3 * MIB);
    const folder = dirname(options.path);
    const target = await openLocalImage(options);
    await writeRuns(target, [{ offset: 0, bytes: patternOf(1, 512) }]);
    await target.checkpoint();
    expect(await readdir(folder)).toEqual([expect.stringMatching(/^disk\.[0-9a-f]{12}\.partial$/)]);
    await target.finish();
    expect(await readdir(folder)).toEqual(['disk']);
  });

  it.each(DYNAMIC)('does not leave a valid %s under the temporary name', async (format) => {
    const options = await optionsFor(format, 3 * MIB);
    const target = await openLocalImage(options);
    await writeRuns(target, [{ offset: 0, bytes: patternOf(1, 512) }]);
    const { temporary } = await target.checkpoint();
    await expect(openWatched(join(dirname(options.path), temporary))).rejects.toThrow();
    await target.abandon();
    expect(await readdir(dirname(options.path))).toEqual([]);
  });

  it.each(LOCAL_IMAGE_FORMATS)('does not touch an existing file with %s, unless it may', async (format) => {
    const options = await optionsFor(format, 3 * MIB);
    await writeFile(options.path, 'precious');
    const error = await failureOf(openLocalImage(options));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toContain('the file exists');
    expect(await readFile(options.path, 'utf8')).toBe('precious');
    const target = await openLocalImage({ ...options, overwrite: true });
    expect(await readFile(options.path, 'utf8')).toBe('precious');
    await target.finish();
    await openWritten(options.path, format);
    expect(await readdir(dirname(options.path))).toEqual(['disk']);
  });

  it('writes the given footer of a fixed VHD', async () => {
    const options = await optionsFor('vhd', MIB);
    const footer = encodeFixedFooter({ size: MIB, uniqueId: uniqueIdOf(9), timestamp: 99 });
    await (await openLocalImage({ ...options, footer })).finish();
    expectSameBytes((await readFile(options.path)).subarray(MIB), footer);
  });

  it.each([0, -512, 100, 512.5, Number.NaN])('refuses a disk of %d bytes', async (diskSize) => {
    await expect(openLocalImage(await optionsFor('raw', diskSize))).rejects.toThrow(RangeError);
  });

  it.each(DYNAMIC)('refuses to write beyond the end of a %s', async (format) => {
    const target = await openLocalImage(await optionsFor(format, 2 * MIB));
    await expect(writeRuns(target, [{ offset: 2 * MIB, bytes: patternOf(1, 512) }])).rejects.toThrow(RangeError);
    await target.abandon();
  });
});

describe('a kept image', () => {
  const RUNS = [0, 5 * MIB, 2 * MIB - 512, 7 * MIB].map((offset, index) => ({ offset, bytes: patternOf(index, 1024) }));

  async function keepHalf(format: LocalImageFormat) {
    const options = { ...(await optionsFor(format, 8 * MIB)), resumable: true };
    const target = await openLocalImage(options);
    await writeRuns(target, RUNS.slice(0, 2));
    const state = await target.checkpoint();
    await writeRuns(target, RUNS.slice(2, 3));
    await target.keep();
    return { options, state, folder: dirname(options.path) };
  }

  it.each(LOCAL_IMAGE_FORMATS)('is resumed as %s, with a state that survives JSON', async (format) => {
    const { options, state, folder } = await keepHalf(format);
    expect(await readdir(folder)).toEqual([state.temporary]);
    const text = JSON.stringify(state);
    expect(text.length).toBeLessThan(200);
    const target = await openLocalImage({ ...options, resume: JSON.parse(text) });
    await writeRuns(target, RUNS.slice(2));
    await target.finish();
    const image = await openWritten(options.path, format);
    await expectDiskIs(image, RUNS);
    expect(await readdir(folder)).toEqual(['disk']);
  });

  it.each(LOCAL_IMAGE_FORMATS)('can be discarded as %s, also twice', async (format) => {
    const { options, state, folder } = await keepHalf(format);
    await discardLocalImage(options.path, state);
    await discardLocalImage(options.path, state);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(LOCAL_IMAGE_FORMATS)('survives another run that writes a %s to the same path', async (format) => {
    const { options, state, folder } = await keepHalf(format);
    await (await openLocalImage({ ...options, resumable: false })).finish();
    expect((await readdir(folder)).sort()).toEqual(['disk', state.temporary].sort());
  });

  it.each(LOCAL_IMAGE_FORMATS)('is not resumed as %s over a file that exists by now, unless it may', async (format) => {
    const { options, state } = await keepHalf(format);
    await writeFile(options.path, 'precious');
    const error = await failureOf(openLocalImage({ ...options, resume: state }));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toContain('the file exists');
    const target = await openLocalImage({ ...options, resume: state, overwrite: true });
    await writeRuns(target, RUNS);
    await target.finish();
    await expectDiskIs(await openWritten(options.path, format), RUNS);
  });

  it.each([
    ['a folder', '../disk.0123456789ab.download'],
    ['another file', 'other.0123456789ab.download'],
    ['no temporary file', 'disk'],
    ['an absent file', 'disk.0123456789ab.download'],
  ])('is not resumed if the state names %s', async (_, temporary) => {
    const { options, state } = await keepHalf('vhdx');
    const error = await failureOf(openLocalImage({ ...options, resume: { ...state, temporary } }));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toContain(`its temporary file ${temporary} cannot be resumed`);
    expect(error.message).toContain('--restart');
  });

  it('is not discarded if the state names a file of others', async () => {
    const { options, state, folder } = await keepHalf('raw');
    await writeFile(options.path, 'precious');
    await expect(discardLocalImage(options.path, { ...state, temporary: 'disk' })).rejects.toThrow(LocalFileError);
    expect(await readFile(join(folder, 'disk'), 'utf8')).toBe('precious');
  });

  it.each(LOCAL_IMAGE_FORMATS)('is not resumed as %s with another size', async (format) => {
    const { options, state, folder } = await keepHalf(format);
    const error = await failureOf(openLocalImage({ ...options, diskSize: 90 * MIB, resume: state }));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toContain('cannot be resumed');
    expect(await readdir(folder)).toEqual([state.temporary]);
  });

  it.each(DYNAMIC)('is not resumed as %s if it lost blocks, or if the state is of another file', async (format) => {
    const { options, state } = await keepHalf(format);
    const [small, odd, large] = [0, state.end - 1, state.end + 64 * MIB];
    for (const end of [small, odd, large]) {
      const error = await failureOf(openLocalImage({ ...options, resume: { ...state, end } }));
      expect(error.message).toContain('cannot be resumed');
    }
    await writeFile(join(dirname(options.path), state.temporary), 'something else');
    const error = await failureOf(openLocalImage({ ...options, resume: state }));
    expect(error.message).toContain('cannot be resumed');
  });

  it.skipIf(!HAS_SYMBOLIC_LINKS)('is finished after a kill between its two names', async () => {
    const { options, state, folder } = await keepHalf('vhd');
    await link(join(folder, state.temporary), options.path);
    const target = await openLocalImage({ ...options, resume: state });
    await writeRuns(target, RUNS);
    await target.finish();
    expect(await readdir(folder)).toEqual(['disk']);
    await expectDiskIs(await openWritten(options.path, 'vhd'), RUNS);
  });
});
