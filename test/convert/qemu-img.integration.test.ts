// The fixed VHD of a conversion has its whole size for qemu-img too, which derives that of some creators from the geometry.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { convertImage } from '../../src/convert/convert.ts';
import { hasQemuImg, NO_QEMU_IMG, qemuImg } from '../support/qemu.ts';
import { buildImage } from '../support/spread-disk.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;

it('a fixed VHD ends where the disk ends', async ({ skip }) => {
  if (!hasQemuImg) skip(NO_QEMU_IMG);
  const image = await buildImage({
    size: 21 * MIB,
    contents: [{ offset: 21 * MIB - 4096, bytes: patternOf(1, 4096) }],
  });
  const output = join(await temporaryFolder(), 'fixed.vhd');
  await convertImage({ image, output, format: 'vhd' });
  const info: unknown = JSON.parse(await qemuImg('info', '-f', 'vpc', '--output', 'json', output));
  expect(info).toMatchObject({ 'virtual-size': 21 * MIB });
});
