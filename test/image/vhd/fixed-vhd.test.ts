import { describe, expect, it } from 'vitest';
import { CorruptImageError } from '../../../src/errors.ts';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { diskOf, patternOf, type VhdDescription } from '../../support/vhd-builder.ts';
import {
  buildTemporary,
  expectSameBytes,
  failureOf,
  listExtents,
  openWatched,
  readDisk,
} from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const contents = [{ offset: 512, bytes: patternOf(1, MIB) }];
const fixed: VhdDescription = { type: 'fixed', size: 2 * MIB + 512, contents };

describe('a fixed VHD', () => {
  it('contains the bytes before the footer', async () => {
    const { path, uniqueId } = await buildTemporary(fixed);
    const { image, warnings } = await openWatched(path);
    expect(image).toMatchObject({ format: 'vhd-fixed', size: 2 * MIB + 512, path });
    expect(image.diskId).toEqual(uniqueId);
    expectSameBytes(await readDisk(image), diskOf(fixed.size, contents));
    expect(warnings).toEqual([]);
  });

  it('has one extent if its file has no holes', async () => {
    const full = { ...fixed, contents: [{ offset: 0, bytes: patternOf(1, fixed.size) }] };
    const { image } = await openWatched((await buildTemporary(full)).path);
    expect(await listExtents(image.extents())).toEqual([{ offset: 0, length: fixed.size }]);
  });

  it('reports where its data lies in the file', async () => {
    const { image } = await openWatched((await buildTemporary(fixed)).path);
    expect(await image.locate?.({ offset: MIB, length: MIB + 512 })).toEqual({
      fd: expect.any(Number),
      position: MIB,
    });
  });

  it('describes itself for comparison in a later run', async () => {
    const { path, uniqueId, fileSize } = await buildTemporary(fixed);
    const { image } = await openWatched(path);
    expect(image.files).toEqual([
      {
        path,
        name: 'disk.vhd',
        size: fileSize,
        modifiedMs: expect.any(Number),
        diskId: Buffer.from(uniqueId).toString('hex'),
      },
    ]);
  });

  it('is refused if the file is shorter than its disk', async () => {
    const editFooter = (footer: Buffer) => void footer.writeBigUInt64BE(BigInt(4 * MIB), 48);
    const { path } = await buildTemporary({ ...fixed, editFooter });
    const error = await failureOf(openDiskImage(path));
    expect(error).toBeInstanceOf(CorruptImageError);
    expect(error.message).toContain('the disk has 4194304 bytes, but only 2097664 lie before the footer');
  });

  it('ends where its footer says, with a warning, if the file is longer', async () => {
    const { path } = await buildTemporary({ ...fixed, gapBeforeFooter: 4096 });
    const { image, warnings } = await openWatched(path);
    expect(image.size).toBe(fixed.size);
    expect(warnings).toEqual(['fixed-size-differs']);
  });

  it('keeps its current size, with a note, if the geometry is smaller', async () => {
    const editFooter = (footer: Buffer) => void footer.writeUInt32BE(0x00080411, 56);
    const { image, warnings, notes } = await openWatched((await buildTemporary({ ...fixed, editFooter })).path);
    expect(image.size).toBe(fixed.size);
    expect(warnings).toEqual([]);
    expect(notes.join()).toContain('its geometry covers 278528');
  });

  it.each([
    [0, fixed.size + 512, fixed.size + 512],
    [-512, 512, 512],
    [256, 512, 512],
    [0, 100, 100],
    [0, 1024, 512],
  ])('refuses to read %i, %i into %i bytes, which is a bug of the caller', async (offset, length, room) => {
    const { image } = await openWatched((await buildTemporary(fixed)).path);
    await expect(image.read({ offset, length }, new Uint8Array(room))).rejects.toThrow(RangeError);
  });
});
