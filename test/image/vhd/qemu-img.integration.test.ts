// vhdup reads VHDs that qemu-img made, and qemu-img reads VHDs that the test builder made.
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { asFixedVhd } from '../../../src/image/fixed-vhd-view.ts';
import { hasQemuImg, NO_QEMU_IMG, qemuImg } from '../../support/qemu.ts';
import { buildVhd, diskOf, patternOf, type VhdContent } from '../../support/vhd-builder.ts';
import { expectSameBytes, listExtents, openWatched, readDisk, temporaryFolder } from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;

beforeEach((context) => context.skip(!hasQemuImg, NO_QEMU_IMG));

/** Data at the beginning, in the middle, and at the very end. */
function contentsFor(size: number): VhdContent[] {
  return [
    { offset: 0, bytes: patternOf(1, Math.min(size, 1536)) },
    { offset: Math.floor(size / 1024) * 512, bytes: patternOf(2, 512) },
    { offset: size - 512, bytes: patternOf(3, 512) },
  ];
}

describe('qemu-img convert -O vpc', () => {
  for (const subformat of ['fixed', 'dynamic']) {
    for (const forceSize of ['on', 'off']) {
      it.each([512, 34816, MIB, 4 * MIB + 512, 10_000_384, 67_108_864])(
        `${subformat}, force_size=${forceSize}, of %i bytes reads the same as the raw file`,
        async (size) => {
          const folder = await temporaryFolder();
          const raw = diskOf(size, contentsFor(size));
          await writeFile(join(folder, 'disk.raw'), raw);
          const path = join(folder, 'disk.vhd');
          const options = `subformat=${subformat},force_size=${forceSize}`;
          await qemuImg('convert', '-f', 'raw', '-O', 'vpc', '-o', options, join(folder, 'disk.raw'), path);
          const { image, warnings } = await openWatched(path);
          expect(image.format).toBe(`vhd-${subformat}`);
          // Without force_size, qemu rounds the disk up to a size that a geometry can express.
          if (forceSize === 'on') expect(image.size).toBe(size);
          else expect(image.size).toBeGreaterThanOrEqual(size);
          expectSameBytes(await readDisk(image), diskOf(image.size, [{ offset: 0, bytes: raw }]));
          expect(warnings).toEqual([]);
        },
      );
    }
  }

  it('create of an empty dynamic disk of 2000 GiB has no extents', async () => {
    const path = join(await temporaryFolder(), 'disk.vhd');
    await qemuImg('create', '-f', 'vpc', '-o', 'subformat=dynamic,force_size=on', path, '2000G');
    const { image } = await openWatched(path);
    expect(image.size).toBe(2000 * 1024 * MIB);
    expect(await listExtents(image.extents())).toEqual([]);
  });
});

describe('a VHD of the test builder', () => {
  it.each([
    ['fixed', 4 * MIB + 512, {}],
    ['dynamic', 4 * MIB + 512, {}],
    ['dynamic', 10_000_384, { blockSize: 512 * 1024, maxTableEntries: 25 }],
    ['dynamic', 9 * MIB, { dataAlignment: 4096, gapBeforeFooter: 3584, bitmaps: 'written' }],
    ['dynamic', 9 * MIB, { blockOrder: (blocks: readonly number[]) => blocks.toReversed(), tableOffset: 32 * MIB }],
  ] as const)('reads the same with qemu-img and vhdup: %s, %i bytes, %j', async (type, size, shape) => {
    const folder = await temporaryFolder();
    const contents = contentsFor(size);
    const { path } = await buildVhd(join(folder, 'disk.vhd'), { type, size, contents, ...shape });
    await qemuImg('convert', '-f', 'vpc', '-O', 'raw', path, join(folder, 'disk.raw'));
    const { image } = await openWatched(path);
    const disk = await readDisk(image);
    expectSameBytes(disk, diskOf(size, contents));
    expectSameBytes(await readFile(join(folder, 'disk.raw')), disk);
  });
});

describe('asFixedVhd', () => {
  it.each([512, MIB, 4 * MIB + 512, 10_000_384, 127 * MIB])(
    'of %i bytes is accepted by qemu-img as a VHD',
    async (size) => {
      const folder = await temporaryFolder();
      const contents = contentsFor(size);
      const source = await buildVhd(join(folder, 'disk.vhd'), { type: 'dynamic', size, contents });
      const { image } = await openWatched(source.path);
      const view = asFixedVhd(image);
      const path = join(folder, 'fixed.vhd');
      await copyView(view, path);

      // For unknown creators, qemu 7 uses only the geometry, which may describe a smaller disk.
      const target = `driver=vpc,force_size_calc=current_size,file.filename=${path}`;
      const info: unknown = JSON.parse(await qemuImg('info', '--output=json', '--image-opts', target));
      expect(info).toMatchObject({ format: 'vpc', 'virtual-size': view.diskSize });
      await qemuImg('convert', '--image-opts', '-O', 'raw', target, join(folder, 'fixed.raw'));
      expectSameBytes(await readFile(join(folder, 'fixed.raw')), diskOf(view.diskSize, contents));
    },
  );
});

/** Writes the extents, then the footer at the very end, as an upload does. */
async function copyView(view: ReturnType<typeof asFixedVhd>, path: string): Promise<void> {
  const handle = await open(path, 'w');
  try {
    for await (const extent of view.extents()) {
      const bytes = new Uint8Array(extent.length);
      await view.read(extent, bytes);
      await handle.write(bytes, 0, bytes.length, extent.offset);
    }
    await handle.write(view.footer, 0, view.footer.length, view.diskSize);
  } finally {
    await handle.close();
  }
}
