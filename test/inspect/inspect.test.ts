import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIB } from '../../src/base/byte-range.ts';
import { inspectImage } from '../../src/inspect/inspect.ts';
import { writeMbr } from '../support/partition-table-builder.ts';
import {
  bigEndian32,
  buildVhd,
  patchFile,
  patternOf,
  uniqueIdOf,
  type VhdDescription,
} from '../support/vhd-builder.ts';
import { buildTemporary, failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';
import { buildVhdx, nextGuid, pattern } from '../support/vhdx-builder.ts';
import { workspace } from '../support/vhdx-workspace.ts';

const at = workspace();

/** The first MiB of a disk with one Linux partition. */
function tableOf(): Uint8Array {
  const sector = Buffer.alloc(512);
  writeMbr(sector, [{ slot: 1, type: 0x83, first: 2048, count: 4096 }]);
  return sector;
}

const DYNAMIC: VhdDescription = {
  type: 'dynamic',
  size: 16 * MIB,
  uniqueId: uniqueIdOf(3),
  contents: [
    { offset: 0, bytes: tableOf() },
    { offset: 4 * MIB, bytes: patternOf(1, MIB) },
  ],
};

describe('a dynamic VHD', () => {
  it('is described by its structures', async () => {
    const { path, fileSize } = await buildTemporary({ ...DYNAMIC, timestamp: 86_400 });
    const { image, parents, problems, exitCode } = await inspectImage({ image: path });
    expect(image).toMatchObject({
      path,
      fileSize,
      format: 'vhd-dynamic',
      diskSize: 16 * MIB,
      blockSize: 2 * MIB,
      sectorSize: { logical: 512, physical: 512 },
      creator: { application: 'win', version: '10.0', name: 'Windows or Hyper-V', operatingSystem: 'Windows' },
      timestamp: '2000-01-02T00:00:00.000Z',
      ids: { uniqueId: Buffer.from(uniqueIdOf(3)).toString('hex') },
      geometry: { cylinders: 65535, heads: 16, sectorsPerTrack: 255, differs: false },
      savedState: false,
    });
    expect({ parents, problems, exitCode }).toEqual({ parents: [], problems: [], exitCode: undefined });
  });

  it.each([
    ['matches its size', 963, false],
    ['is smaller by more than a cylinder', 900, true],
  ])('has a geometry that %s', async (_, cylinders, differs) => {
    const editFooter = (footer: Buffer) => footer.writeUInt32BE(cylinders * 65_536 + 4 * 256 + 17, 56);
    const { path } = await buildTemporary({ type: 'fixed', size: 32 * MIB, editFooter });
    expect((await inspectImage({ image: path })).image.geometry).toMatchObject({
      size: cylinders * 4 * 17 * 512,
      differs,
    });
  });

  it('is described by the contents of its disk', async () => {
    const { path } = await buildTemporary(DYNAMIC);
    const { disk } = await inspectImage({ image: path, mapCells: 8 });
    expect(disk).toMatchObject({
      size: 16 * MIB,
      allocated: 4 * MIB,
      map: { cellSize: 2 * MIB, allocated: [1, 0, 1, 0, 0, 0, 0, 0] },
      layout: { table: { scheme: 'mbr' }, volumes: [{ partition: { typeName: 'Linux' } }] },
      boot: { generations: [] },
      operatingSystem: { family: 'linux' },
    });
    expect(disk).not.toHaveProperty('nonZero');
  });

  it('is read in full, if requested, to count the bytes that are not zero', async () => {
    const { path } = await buildTemporary(DYNAMIC);
    const { disk } = await inspectImage({ image: path, mapCells: 8, scan: true });
    expect(disk?.nonZero).toBe(MIB + 512);
    expect(disk?.map.nonZero).toEqual([0.0002, 0, 0.5, 0, 0, 0, 0, 0]);
  });

  it('is described even if it is damaged, with the reason why its disk cannot be read', async () => {
    const { path, tableOffset } = await buildTemporary(DYNAMIC);
    await patchFile(path, tableOffset, bigEndian32(0x7fffffff));
    const report = await inspectImage({ image: path });
    expect(report).toMatchObject({ image: { format: 'vhd-dynamic', diskSize: 16 * MIB }, exitCode: 3 });
    expect(report.problems).toMatchObject([{ code: 'image-corrupt', message: expect.stringContaining('BAT entry 0') }]);
    expect(report.disk).toBeUndefined();
  });

  it('is described by a footer with a wrong checksum if there is no other', async () => {
    const { path, footerOffset } = await buildTemporary({ type: 'fixed', size: 4 * MIB });
    await patchFile(path, footerOffset + 100, new Uint8Array([1]));
    const { image, exitCode, problems } = await inspectImage({ image: path });
    expect(image).toMatchObject({ format: 'vhd-fixed', diskSize: 4 * MIB });
    expect(exitCode).toBe(3);
    expect(problems[0]?.message).toMatch(/checksum/);
  });
});

describe('a chain', () => {
  async function makeChain() {
    const folder = await temporaryFolder();
    const [base, middle, child] = ['base.vhd', 'middle.vhd', 'child.vhd'].map((name) => join(folder, name));
    const size = 8 * MIB;
    await buildVhd(base ?? '', {
      type: 'dynamic',
      size,
      uniqueId: uniqueIdOf(1),
      contents: [{ offset: 0, bytes: tableOf() }],
    });
    const over = (id: number, name: string) => ({
      uniqueId: uniqueIdOf(id),
      locators: [{ code: 'W2ru', text: `.\\${name}` }],
    });
    await buildVhd(middle ?? '', { type: 'differencing', size, uniqueId: uniqueIdOf(2), parent: over(1, 'base.vhd') });
    await buildVhd(child ?? '', { type: 'differencing', size, uniqueId: uniqueIdOf(3), parent: over(2, 'middle.vhd') });
    return { folder, base: base ?? '', middle: middle ?? '', child: child ?? '' };
  }

  it('is shown with all its files', async () => {
    const { child, middle, base } = await makeChain();
    const { image, parents, missingParent, disk } = await inspectImage({ image: child });
    expect(image).toMatchObject({
      format: 'vhd-differencing',
      ids: { parentId: Buffer.from(uniqueIdOf(2)).toString('hex') },
      parentReferences: [{ source: 'parent locator 0 (W2ru)', text: '.\\middle.vhd' }],
    });
    expect(parents).toMatchObject([
      { path: middle, format: 'vhd-differencing' },
      { path: base, format: 'vhd-dynamic' },
    ]);
    expect(missingParent).toBeUndefined();
    expect(disk?.allocated).toBe(2 * MIB);
  });

  it('is shown as far as it was found, with every path that was tried', async () => {
    const { child, middle, base, folder } = await makeChain();
    await rm(base);
    const report = await inspectImage({ image: child });
    expect(report.parents.map(({ path }) => path)).toEqual([middle]);
    expect(report.missingParent).toEqual({
      child: middle,
      wanted: `unique id ${Buffer.from(uniqueIdOf(1)).toString('hex')}`,
      tried: [{ path: join(folder, 'base.vhd'), source: 'parent locator 0 (W2ru)', problem: 'there is no such file' }],
    });
    expect(report).toMatchObject({ exitCode: 4, problems: [{ code: 'parent-image' }] });
  });

  it('is found in a given folder', async () => {
    const { child, base, folder } = await makeChain();
    const elsewhere = join(folder, 'elsewhere');
    await mkdir(elsewhere);
    await copyFile(base, join(elsewhere, 'base.vhd'));
    await rm(base);
    const { parents, exitCode } = await inspectImage({ image: child, parentPaths: [elsewhere] });
    expect(parents.map(({ path }) => dirname(path))).toEqual([folder, elsewhere]);
    expect(exitCode).toBeUndefined();
  });
});

describe('a VHDX', () => {
  it('is described by its headers and metadata', async () => {
    const [dataWriteGuid, page83] = [nextGuid(), nextGuid()];
    buildVhdx(at('base.vhdx'), {
      size: 8 * MIB,
      blockSize: MIB,
      dataWriteGuid,
      page83,
      blocks: [{ index: 2, pieces: [{ at: 0, bytes: pattern(1, 512) }] }],
    });
    const { image, disk, exitCode } = await inspectImage({ image: at('base.vhdx'), mapCells: 8 });
    expect(exitCode).toBeUndefined();
    expect(image).toMatchObject({
      format: 'vhdx-dynamic',
      diskSize: 8 * MIB,
      blockSize: MIB,
      ids: { dataWriteGuid: dataWriteGuid.replaceAll('-', ''), page83Id: page83.replaceAll('-', '') },
      log: { state: 'empty', entriesToReplay: 0 },
    });
    expect(image.ids.fileWriteGuid).toMatch(/^[0-9a-f]{32}$/);
    expect(disk?.map.allocated).toEqual([0, 0, 1, 0, 0, 0, 0, 0]);
  });

  it('is described without its parent, with every path that was tried', async () => {
    const wanted = nextGuid();
    buildVhdx(at('child.vhdx'), {
      size: 8 * MIB,
      parent: { parent_linkage: `{${wanted}}`, relative_path: '.\\gone.vhdx' },
    });
    const report = await inspectImage({ image: at('child.vhdx') });
    expect(report).toMatchObject({
      image: {
        format: 'vhdx-differencing',
        ids: { parentId: wanted.replaceAll('-', '') },
        parentReferences: [{ source: 'relative_path', text: '.\\gone.vhdx' }],
      },
      missingParent: {
        wanted: `DataWriteGuid ${wanted}`,
        tried: expect.arrayContaining([expect.objectContaining({ problem: 'there is no such file' })]),
      },
      exitCode: 4,
    });
  });

  it('is described by the remaining structures if both headers are destroyed', async () => {
    buildVhdx(at('broken.vhdx'), { size: 8 * MIB });
    for (const offset of [65_536, 131_072]) await patchFile(at('broken.vhdx'), offset, new Uint8Array(4096));
    const report = await inspectImage({ image: at('broken.vhdx') });
    expect(report).toMatchObject({ image: { fileSize: expect.any(Number), ids: {} }, exitCode: 3 });
    expect(report.problems[0]?.message).toContain('neither of its two headers is valid');
  });
});

describe('inspectImage', () => {
  it('recognises a raw disk by its partition table, or by the option', async () => {
    const path = join(await temporaryFolder(), 'disk.raw');
    const disk = Buffer.alloc(4 * MIB);
    Buffer.from(tableOf()).copy(disk);
    await writeFile(path, disk);
    const told = await inspectImage({ image: path });
    expect(told).toMatchObject({ image: { format: 'raw', diskSize: 4 * MIB }, problems: [{ code: 'raw-by-content' }] });
    const given = await inspectImage({ image: path, format: 'raw' });
    expect(given).toMatchObject({ image: { format: 'raw' }, problems: [], disk: { allocated: 4 * MIB } });
  });

  it('reports a file that is not an image', async () => {
    const report = await inspectImage({ image: join(import.meta.dirname, '../../package.json') });
    expect(report).toMatchObject({ image: { ids: {} }, exitCode: 3, problems: [{ code: 'image-unsupported' }] });
    expect(report.image.format).toBeUndefined();
  });

  it('throws if the file does not exist', async () => {
    expect((await failureOf(inspectImage({ image: '/no/such/file' }))).message).toContain('there is no such file');
  });

  it('throws for an invalid number of cells', async () => {
    for (const mapCells of [0, 1.5, 70_000, Number.NaN]) {
      expect((await failureOf(inspectImage({ image: 'x', mapCells }))).name).toBe('UsageError');
    }
  });

  it('throws on an abort, and does not report it as a problem of the image', async () => {
    const { path } = await buildTemporary(DYNAMIC);
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    expect((await failureOf(inspectImage({ image: path, signal: stop.signal }))).message).toBe('enough');
  });
});
