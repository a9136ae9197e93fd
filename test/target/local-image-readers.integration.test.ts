// Other programs read the dynamic images that vhdup writes, and their bytes are compared with those that Hyper-V writes.
import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { convertImage } from '../../src/convert/convert.ts';
import { openLocalImage } from '../../src/target/open-local-image.ts';
import { hasVhdimount, NO_LIBVHDI, withVhdimount } from '../support/libvhdi.ts';
import { hasQemuImg, NO_QEMU_IMG, qemuImg } from '../support/qemu.ts';
import { NO_SHARED_IMAGES, sharedImages } from '../support/shared-images.ts';
import { diskOf, patternOf, uniqueIdOf, type VhdContent } from '../support/vhd-builder.ts';
import { expectSameBytes, temporaryFolder } from '../support/vhd-fixtures.ts';
import { readBytes } from '../support/vhdx-builder.ts';
import { contentsOf, firstDifference, withImage } from '../support/vhdx-workspace.ts';

const run = promisify(execFile);
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const SIGNAL = new AbortController().signal;
const DYNAMIC = ['vhd-dynamic', 'vhdx'] as const;
const DRIVERS = { 'vhd-dynamic': 'vpc', vhdx: 'vhdx' } as const;
/** One sector; sizes around a block and a MiB; a size that no geometry expresses. */
const SIZES = [512, MIB + 512, 2 * MIB, 2 * MIB + 512, 4 * MIB - 512, 10_000_384, 20 * MIB];

function writeEmptyDisk(format: (typeof DYNAMIC)[number], size: number) {
  return writeContents(format, size, []);
}

function writeDisk(format: (typeof DYNAMIC)[number], size: number) {
  const offsets = new Set([0, Math.floor(size / 1024) * 512, size - 512]);
  const contents = [...offsets].map((offset, index) => ({
    offset,
    bytes: patternOf(index, 512),
  }));
  return writeContents(format, size, contents);
}

async function writeContents(format: (typeof DYNAMIC)[number], size: number, contents: readonly VhdContent[]) {
  const folder = await temporaryFolder();
  const path = join(folder, 'disk.image');
  const target = await openLocalImage({
    ...{ path, format, diskSize: size, diskId: uniqueIdOf(3), timestamp: 1, overwrite: false },
  });
  for (const { offset, bytes } of contents.toReversed()) {
    await target.write({ range: { offset, length: bytes.length }, bytes }, SIGNAL);
  }
  await target.finish();
  return { folder, path, contents };
}

describe.skipIf(!hasQemuImg)(`qemu-img (or: ${NO_QEMU_IMG})`, () => {
  describe.each(DYNAMIC)('reads a %s', (format) => {
    it.each(SIZES)('of %i bytes as it was written', async (size) => {
      const { folder, path, contents } = await writeDisk(format, size);
      const raw = join(folder, 'disk.raw');
      await writeFile(raw, diskOf(size, contents));
      const info: unknown = JSON.parse(await qemuImg('info', '-f', DRIVERS[format], '--output', 'json', path));
      expect(info).toMatchObject({ 'virtual-size': size, format: DRIVERS[format] });
      const said = await qemuImg('compare', '-f', DRIVERS[format], '-F', 'raw', path, raw);
      expect(said).toContain('Images are identical');
    });
  });

  it('finds no fault in a VHDX', async () => {
    const { path } = await writeDisk('vhdx', 40 * MIB);
    expect(await qemuImg('check', '-f', 'vhdx', path)).toContain('No errors were found');
  });

  it('finds holes in a VHD where nothing was written', async () => {
    const { path } = await writeDisk('vhd-dynamic', 40 * MIB);
    const map: unknown = JSON.parse(await qemuImg('map', '-f', 'vpc', '--output', 'json', path));
    const places = Array.isArray(map) ? map.filter(({ data }) => data === true) : [];
    expect(places.map(({ start, length }) => [start, length])).toEqual([
      [0, 2 * MIB],
      [20 * MIB, 2 * MIB],
      [38 * MIB, 2 * MIB],
    ]);
  });

  describe.each(DYNAMIC)('writes to a %s, and vhdup reads what it wrote,', (format) => {
    it.each([
      ['with data, to old and new blocks', writeDisk],
      ['without data', writeEmptyDisk],
    ])('%s', async (_, write) => {
      const { path, contents } = await write(format, 20 * MIB);
      const commands = ['write -P 0x51 4096 512', `write -P 0x52 ${15 * MIB} 4096`].flatMap((command) => [
        '-c',
        command,
      ]);
      await run('qemu-io', ['-f', DRIVERS[format], ...commands, path]);
      const added = [
        { offset: 4096, bytes: new Uint8Array(512).fill(0x51) },
        { offset: 15 * MIB, bytes: new Uint8Array(4096).fill(0x52) },
      ];
      await withImage(path, async (image, warnings) => {
        expect(warnings).toEqual([]);
        expectSameBytes(await contentsOf(image), diskOf(20 * MIB, [...contents, ...added]));
      });
    });
  });

  it('reads the last bytes of disks of several GiB, beyond the first chunk of a VHDX', async () => {
    for (const format of DYNAMIC) {
      const { folder, path, contents } = await writeDisk(format, 9 * GIB + 512);
      const raw = join(folder, 'disk.raw');
      await qemuImg('convert', '-f', DRIVERS[format], '-O', 'raw', path, raw);
      expect((await stat(raw)).size).toBe(9 * GIB + 512);
      for (const { offset, bytes } of contents) expectSameBytes(readBytes(raw, offset, bytes.length), bytes);
    }
  });
});

describe.skipIf(!hasVhdimount)(`libvhdi (or: ${NO_LIBVHDI})`, () => {
  describe.each(DYNAMIC)('reads a %s', (format) => {
    it.for(SIZES)('of %i bytes as vhdup does', async (size, context) => {
      const { path } = await writeDisk(format, size);
      const found = await withVhdimount(path, async (disk) => ({
        difference: await withImage(path, async (image) => await firstDifference(image, disk)),
      }));
      if (found === undefined) context.skip(NO_LIBVHDI);
      else expect(found.difference).toBeUndefined();
    });
  });
});

describe.skipIf(sharedImages === undefined)(`Hyper-V (or: ${NO_SHARED_IMAGES})`, () => {
  const imageAt = (name: string) => join(sharedImages ?? '', 'dfvfs', name);

  it('writes a dynamic VHD with the same structures', async () => {
    const original = imageAt('ntfs-dynamic.vhd');
    const output = join(await temporaryFolder(), 'disk.vhd');
    await convertImage({ image: original, output, format: 'vhd-dynamic', threads: 1 });
    const [ours, theirs] = await Promise.all([readFile(output), readFile(original)]);
    // The footer, its copy and the dynamic header, all bytes.
    expectSameBytes(ours.subarray(0, 1536), theirs.subarray(0, 1536));
    expectSameBytes(ours.subarray(-512), theirs.subarray(-512));
    // Ours begin 4 KiB before theirs, because our BAT is not padded to 4 KiB. The distance is the same.
    const [our, their] = [ours, theirs].map((file) => [0, 1].map((block) => file.readUInt32BE(1536 + 4 * block)));
    expect(our?.map((sector) => sector + 8)).toEqual(their);
    // Each block with its bitmap, all bytes.
    for (const [index, sector] of (our ?? []).entries()) {
      const [at, there] = [sector * 512, (their?.[index] ?? 0) * 512];
      expectSameBytes(ours.subarray(at, at + 512 + 2 * MIB), theirs.subarray(there, there + 512 + 2 * MIB));
    }
  });

  it('writes a dynamic VHDX with the same structures', async () => {
    const original = imageAt('ntfs-dynamic.vhdx');
    const output = join(await temporaryFolder(), 'disk.vhdx');
    await convertImage({ image: original, output, format: 'vhdx' });
    const both = (offset: number, length: number) => [output, original].map((path) => readBytes(path, offset, length));
    const KIB = 1024;
    const same = (offset: number, length: number) => {
      const [ours = Buffer.alloc(0), theirs = Buffer.alloc(0)] = both(offset, length);
      expectSameBytes(ours, theirs);
    };
    same(0, 8);
    // The headers differ in their checksum, sequence number and GUIDs; the log GUID and all that follows is the same.
    for (const header of [64 * KIB, 128 * KIB]) {
      same(header, 4);
      same(header + 48, 4048);
    }
    same(192 * KIB, 128 * KIB);
    // The metadata has the same five items at the same places; theirs leave the remains of a removed item after the table.
    same(2 * MIB, 6 * 32);
    // Our blocks are smaller.
    expect(both(2 * MIB + 64 * KIB, 4).map((bytes) => bytes.readUInt32LE())).toEqual([2 * MIB, 32 * MIB]);
    same(2 * MIB + 64 * KIB + 4, 8 + 8 + 4 + 4 + 16 - 4);
    // The first block is at the same place, in the same state.
    same(3 * MIB, 8);
  });
});
