import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { asFixedVhd } from '../../src/image/fixed-vhd-view.ts';
import { decodeFooter, footerFields } from '../../src/image/vhd/footer.ts';
import { buildVhd, diskOf, patternOf, type VhdDescription } from '../support/vhd-builder.ts';
import { expectSameBytes, listExtents, openWatched, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;

async function viewOf(description: VhdDescription) {
  const { path } = await buildVhd(join(await temporaryFolder(), 'disk.vhd'), description);
  const { image } = await openWatched(path);
  const view = asFixedVhd(image);
  return { image, view, footer: decodeFooter(footerFields(view.footer, path, view.diskSize)) };
}

describe('asFixedVhd', () => {
  it.each([
    [512, MIB],
    [MIB, MIB],
    [MIB + 512, 2 * MIB],
    // 9.54 MiB in five blocks of 2 MiB: the size of the disk counts, not that of its blocks.
    [10_000_384, 10 * MIB],
  ])('rounds %i bytes up to a disk of %i, followed by the footer', async (size, diskSize) => {
    const { view, footer } = await viewOf({ type: 'dynamic', size });
    expect(view.diskSize).toBe(diskSize);
    expect(view.size).toBe(diskSize + 512);
    expect(footer.currentSize).toBe(diskSize);
    expect(view.footer).toHaveLength(512);
  });

  it('keeps the unique id and timestamp of the source, so that the same file gives the same footer', async () => {
    const { image, view, footer } = await viewOf({ type: 'dynamic', size: 3 * MIB, timestamp: 123456789 });
    expect(footer).toMatchObject({
      diskType: 2,
      timestamp: 123456789,
      creatorApplication: 'wa\0\0',
      savedState: false,
    });
    expect(footer.uniqueId).toEqual(image.diskId);
    expect(asFixedVhd(image).footer).toEqual(view.footer);
  });

  it('reports where the disk lies in the image file, but not the added padding', async () => {
    const { view } = await viewOf({ type: 'fixed', size: MIB + 512 });
    expect(await view.locate({ offset: 512, length: MIB })).toEqual({ fd: expect.any(Number), position: 512 });
    expect(await view.locate({ offset: MIB, length: 1024 })).toBeUndefined();
    expect(await view.locate({ offset: 2 * MIB, length: 512 })).toBeUndefined();
    const dynamic = await viewOf({ type: 'dynamic', size: MIB, contents: [{ offset: 0, bytes: patternOf(1, 512) }] });
    expect(await dynamic.view.locate({ offset: 0, length: 512 })).toBeUndefined();
  });

  it('clears the saved-state flag', async () => {
    const { footer } = await viewOf({ type: 'fixed', size: MIB, savedState: true });
    expect(footer.savedState).toBe(false);
  });

  it('reads as the disk, zero padding up to the MiB, and the footer, in pieces of any size', async () => {
    const size = MIB + 1536;
    const contents = [{ offset: size - 1024, bytes: patternOf(1, 1024) }];
    const { view } = await viewOf({ type: 'dynamic', size, contents });
    const expected = Buffer.concat([diskOf(2 * MIB, contents), view.footer]);
    for (const step of [512, 1536, MIB, view.size]) {
      const bytes = new Uint8Array(view.size).fill(0xee);
      for (let offset = 0; offset < view.size; offset += step) {
        const length = Math.min(step, view.size - offset);
        await view.read({ offset, length }, bytes.subarray(offset, offset + length));
      }
      expectSameBytes(bytes, expected);
    }
  });

  it('has extents for the disk alone, not for the padding or the footer', async () => {
    const size = 5 * MIB + 512;
    const { view } = await viewOf({ type: 'dynamic', size, allocated: [0, 2] });
    expect(await listExtents(view.extents())).toEqual([
      { offset: 0, length: 2 * MIB },
      { offset: 4 * MIB, length: MIB + 512 },
    ]);
  });

  it.each([
    [0, 2 * MIB],
    [MIB + 512, 512],
    [-512, 512],
    [0, 100],
  ])('refuses to read outside its bounds: %i, %i', async (offset, length) => {
    const { view } = await viewOf({ type: 'fixed', size: MIB });
    await expect(view.read({ offset, length }, new Uint8Array(length))).rejects.toThrow(RangeError);
  });
});
