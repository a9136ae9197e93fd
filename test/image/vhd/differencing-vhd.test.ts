import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ImageFile } from '../../../src/image/image-file.ts';
import { buildVhd, diskOf, patternOf, uniqueIdOf, type VhdDescription } from '../../support/vhd-builder.ts';
import { expectSameBytes, listExtents, openWatched, readDisk, temporaryFolder } from '../../support/vhd-fixtures.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const BLOCK = 64 * KIB;

const parent: VhdDescription = {
  type: 'dynamic',
  size: MIB,
  blockSize: BLOCK,
  uniqueId: uniqueIdOf(1),
  contents: [
    { offset: 0, bytes: patternOf(1, BLOCK) },
    { offset: 8 * BLOCK, bytes: patternOf(2, 2 * BLOCK) },
  ],
};
const child: VhdDescription = {
  type: 'differencing',
  size: MIB,
  blockSize: BLOCK,
  uniqueId: uniqueIdOf(2),
  parent: { uniqueId: uniqueIdOf(1), name: 'parent.vhd' },
  contents: [
    { offset: 1024, bytes: patternOf(3, 1536) },
    { offset: 4 * BLOCK, bytes: patternOf(4, BLOCK) },
  ],
};

async function openPair(over: Partial<VhdDescription> = {}, under: Partial<VhdDescription> = {}) {
  const folder = await temporaryFolder();
  const base = { ...parent, ...under };
  const top = { ...child, ...over };
  const parentVhd = await buildVhd(join(folder, 'parent.vhd'), base);
  const childVhd = await buildVhd(join(folder, 'child.vhd'), top);
  const opened = await openWatched(childVhd.path);
  const disk = diskOf(top.size, top.contents ?? [], diskOf(base.size, base.contents ?? []));
  return { ...opened, disk, parentVhd, childVhd };
}

afterEach(() => vi.restoreAllMocks());

describe('a differencing VHD', () => {
  it('reads its own sectors, and the others from its parent', async () => {
    const { image, disk, warnings } = await openPair();
    expect(image.format).toBe('vhd-differencing');
    expectSameBytes(await readDisk(image), disk);
    expectSameBytes(await readDisk(image, 512), disk);
    expect(warnings).toEqual([]);
  });

  it('lists its own file first, then its parents', async () => {
    const { image } = await openPair();
    expect(image.files.map(({ name }) => name)).toEqual(['child.vhd', 'parent.vhd']);
  });

  it('reads the parent for a single 0 between ones in the bitmap: 11001011', async () => {
    const sectors = [0, 1, 4, 6, 7];
    const contents = sectors.map((sector) => ({ offset: sector * 512, bytes: patternOf(10 + sector, 512) }));
    const { image, disk } = await openPair({ contents, staleByte: 0x77 });
    expectSameBytes(await readDisk(image), disk);
  });

  it('never returns unmarked sectors of its own blocks', async () => {
    const { image, disk, warnings } = await openPair({ staleByte: 0x77 });
    expectSameBytes(await readDisk(image), disk);
    expect(warnings).toEqual([]);
  });

  it('hides data of the parent with its own zeros', async () => {
    const contents = [{ offset: 8 * BLOCK, bytes: new Uint8Array(4096) }];
    const { image, disk } = await openPair({ contents });
    expectSameBytes(await readDisk(image), disk);
    expect(disk[8 * BLOCK]).toBe(0);
    expect(disk[8 * BLOCK + 4096]).not.toBe(0);
  });

  it('reads fully marked blocks without its parent, as VirtualBox does', async () => {
    const { image, disk } = await openPair({
      bitmaps: 'full',
      contents: [{ offset: BLOCK, bytes: patternOf(5, BLOCK) }],
    });
    expectSameBytes(await readDisk(image), disk);
  });

  it.each([
    ['smaller', 4 * KIB],
    ['larger', 512 * KIB],
  ])('accepts a %s block size than that of its parent', async (_name, blockSize) => {
    const { image, disk } = await openPair({ blockSize });
    expectSameBytes(await readDisk(image), disk);
    expectSameBytes(await readDisk(image, 96 * KIB), disk);
  });

  it('reads zeros beyond the end of a smaller parent', async () => {
    const { image, disk } = await openPair({ size: 2 * MIB }, { size: 9 * BLOCK + 512 });
    expect(image.size).toBe(2 * MIB);
    expectSameBytes(await readDisk(image), disk);
  });

  it('clips a larger parent', async () => {
    const size = 8 * BLOCK + 1024;
    const { image, disk } = await openPair({ size });
    expectSameBytes(await readDisk(image), disk);
    expect(await listExtents(image.extents())).toEqual([
      { offset: 0, length: BLOCK },
      { offset: 4 * BLOCK, length: BLOCK },
      { offset: 8 * BLOCK, length: 1024 },
    ]);
  });

  it('accepts a fixed VHD as its parent', async () => {
    const { image, disk } = await openPair({}, { type: 'fixed' });
    expectSameBytes(await readDisk(image), disk);
    expect(await listExtents(image.extents())).toEqual([{ offset: 0, length: MIB }]);
  });

  it('merges its blocks and those of its parent into extents', async () => {
    const { image } = await openPair({ allocated: [1, 10] });
    expect(await listExtents(image.extents())).toEqual([
      { offset: 0, length: 2 * BLOCK },
      { offset: 4 * BLOCK, length: BLOCK },
      { offset: 8 * BLOCK, length: 3 * BLOCK },
    ]);
  });

  it('reads nothing from either file where neither has a block', async () => {
    const { image } = await openPair();
    const read = vi.spyOn(ImageFile.prototype, 'read');
    await image.read({ offset: 12 * BLOCK, length: 4 * BLOCK }, new Uint8Array(4 * BLOCK));
    expect(read).not.toHaveBeenCalled();
  });

  it('reads a mixed range with one bitmap read and one read of each file', async () => {
    const { image, parentVhd, childVhd } = await openPair();
    const read = vi.spyOn(ImageFile.prototype, 'read');
    await image.read({ offset: 0, length: BLOCK }, new Uint8Array(BLOCK));
    const bitmap = childVhd.blockPositions.get(0) ?? 0;
    expect(read.mock.calls.map(([position]) => position)).toEqual([
      bitmap,
      parentVhd.blockPositions.get(0),
      bitmap + 512 + 1024,
    ]);
  });

  it('fills shared memory', async () => {
    const { image, disk } = await openPair();
    const into = new Uint8Array(new SharedArrayBuffer(MIB));
    await image.read({ offset: 0, length: MIB }, into);
    expectSameBytes(into, disk);
  });
});
