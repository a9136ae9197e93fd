// Layouts of the Add-AzureVhd acceptance suite, read by vhdup, and by libvhdi and qemu-img where they can.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasVhdimount, NO_LIBVHDI, withVhdimount } from '../../support/libvhdi.ts';
import { hasQemuImg, NO_QEMU_IMG, qemuImg } from '../../support/qemu.ts';
import { buildAcceptanceSuite } from '../../support/vhd-acceptance-suite.ts';
import { expectSameBytes, openWatched, readDisk, temporaryFolder } from '../../support/vhd-fixtures.ts';

describe('the six 50 MB VHDs of Add-AzureVhd', () => {
  it('read as they were built', async () => {
    const suite = await buildAcceptanceSuite(await temporaryFolder());
    expect(suite.map(({ name }) => name)).toEqual([
      'dynamic_50',
      'dynamic_50_child01',
      'dynamic_50_child02',
      'fixed_50',
      'fixed_50_child01',
      'fixed_50_child02',
    ]);
    for (const { path, disk } of suite) {
      const { image, warnings } = await openWatched(path);
      expectSameBytes(await readDisk(image), disk);
      expect(warnings).toEqual([]);
    }
  });

  it('read the same with libvhdi', async (context) => {
    context.skip(!hasVhdimount, NO_LIBVHDI);
    for (const { path, disk } of await buildAcceptanceSuite(await temporaryFolder())) {
      const bytes = await withVhdimount(path, async (mounted) => await readFile(mounted));
      context.skip(bytes === undefined, NO_LIBVHDI);
      expectSameBytes(bytes ?? new Uint8Array(0), disk);
    }
  });

  it('read the same with qemu-img if they have no parent, which it does not support', async (context) => {
    context.skip(!hasQemuImg, NO_QEMU_IMG);
    const folder = await temporaryFolder();
    for (const { name, path, disk } of await buildAcceptanceSuite(folder)) {
      if (name.includes('child')) continue;
      await qemuImg('convert', '-f', 'vpc', '-O', 'raw', path, join(folder, 'disk.raw'));
      expectSameBytes(await readFile(join(folder, 'disk.raw')), disk);
    }
  });
});
