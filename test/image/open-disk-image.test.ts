import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CorruptImageError, ImageAccessError, UnsupportedImageError } from '../../src/errors.ts';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import { buildTemporary, failureOf, openWatched, temporaryFolder } from '../support/vhd-fixtures.ts';
import { buildVhdx, MIB } from '../support/vhdx-builder.ts';

async function failureWith(name: string, ...parts: readonly Uint8Array[]): Promise<Error> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, Buffer.concat(parts));
  return await failureOf(openDiskImage(path));
}

describe('openDiskImage', () => {
  it.each(['fixed', 'dynamic'] as const)('recognises a %s VHD by its contents, whatever its name', async (type) => {
    const { path } = await buildTemporary({ type, size: 4096 }, 'disk.raw');
    expect((await openWatched(path)).image.format).toBe(`vhd-${type}`);
  });

  it('recognises a fixed VHD by its footer, even if its disk begins like a VHDX', async () => {
    const contents = [{ offset: 0, bytes: Buffer.concat([Buffer.from('vhdxfile'), Buffer.alloc(504)]) }];
    const { path } = await buildTemporary({ type: 'fixed', size: 4096, contents });
    expect((await openWatched(path)).image.format).toBe('vhd-fixed');
  });

  it.each([
    ['QFI\xfb', 0, 'a QCOW disk image', 'qemu-img convert'],
    ['KDMV', 0, 'a VMDK disk image', 'qemu-img convert'],
    ['# Disk DescriptorFile', 0, 'the descriptor of a VMDK disk image', 'qemu-img convert'],
    ['\x7f\x10\xda\xbe', 64, 'a VDI disk image', 'qemu-img convert'],
    ['\x1f\x8b', 0, 'a gzip archive', 'Unpack'],
    ['\xfd7zXZ\0', 0, 'an xz archive', 'Unpack'],
    ['PK\x03\x04', 0, 'a ZIP archive', 'Unpack'],
    ["7z\xbc\xaf'\x1c", 0, 'a 7-Zip archive', 'Unpack'],
    ['\x28\xb5\x2f\xfd', 0, 'a Zstandard archive', 'Unpack'],
    ['BZh9', 0, 'a bzip2 archive', 'Unpack'],
  ])('identifies a file with %j at %i as %s, and names the next step', async (magic, offset, name, nextStep) => {
    const error = await failureWith('disk.vhd', Buffer.alloc(offset), Buffer.from(magic, 'latin1'), Buffer.alloc(4096));
    expect(error).toBeInstanceOf(UnsupportedImageError);
    expect(error.message).toContain(`it is ${name}, not a VHD or VHDX.`);
    expect(error.message).toContain(nextStep);
  });

  it('reports that a raw disk named .vhd has no footer, and names the next step', async () => {
    const error = await failureWith('raw.vhd', Buffer.alloc(8192, 1));
    expect(error).toBeInstanceOf(UnsupportedImageError);
    expect(error.message).toMatch(/its 8192 bytes have no VHD footer .*If it is a raw disk, use --format raw/);
  });

  it('recognises a VHDX by its beginning, even if its last block ends with a VHD footer', async () => {
    const { path: vhd } = await buildTemporary({ type: 'fixed', size: 4096 });
    const path = join(await temporaryFolder(), 'disk.vhd');
    const blocks = [{ index: 0, pieces: [{ at: MIB - 512, bytes: (await readFile(vhd)).subarray(4096) }] }];
    buildVhdx(path, { size: MIB, blocks });
    expect((await openWatched(path)).image.format).toBe('vhdx-dynamic');
  });

  it('refuses a VHDX of which only the beginning exists', async () => {
    const error = await failureWith('disk.vhdx', Buffer.from('vhdxfile'), Buffer.alloc(4096));
    expect(error).toBeInstanceOf(CorruptImageError);
    expect(error.message).toMatch(/the file has 4104. It was truncated/);
  });

  it('reads a file as a raw disk when the user says so, even if it is a VHD', async () => {
    const { path } = await buildTemporary({ type: 'fixed', size: 4096 });
    expect((await openWatched(path, { format: 'raw' })).image).toMatchObject({ format: 'raw', size: 4096 + 512 });
  });

  it.each([0, 1, 64, 510, 511, 512])('refuses a file of %i zeros', async (size) => {
    expect(await failureWith('disk.vhd', Buffer.alloc(size))).toBeInstanceOf(UnsupportedImageError);
  });

  it.each([8, 511, 512, 1024])('refuses a file of %i bytes with nothing but a cookie', async (size) => {
    const bytes = Buffer.alloc(size);
    bytes.write('conectix', Math.max(0, size - 512), 'latin1');
    expect((await failureWith('disk.vhd', bytes)).message).toMatch(/^Cannot (use|read)/);
  });

  it('reports that the file does not exist', async () => {
    expect(await failureOf(openDiskImage('/nowhere/disk.vhd'))).toBeInstanceOf(ImageAccessError);
  });
});
