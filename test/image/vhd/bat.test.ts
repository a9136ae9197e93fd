import { describe, expect, it } from 'vitest';
import { CorruptImageError, UnsupportedImageError } from '../../../src/errors.ts';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { bigEndian32, diskOf, patchFile, patternOf, type VhdDescription } from '../../support/vhd-builder.ts';
import {
  buildTemporary,
  expectSameBytes,
  failureOf,
  listExtents,
  openWatched,
  readDisk,
} from '../../support/vhd-fixtures.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const BLOCK = 64 * KIB;
const contents = [
  { offset: 0, bytes: patternOf(1, BLOCK) },
  { offset: 3 * BLOCK, bytes: patternOf(2, 2 * BLOCK) },
];
const dynamic: VhdDescription = { type: 'dynamic', size: MIB, blockSize: BLOCK, contents };

async function failureWithEntry(entry: number, sector: number): Promise<Error> {
  const { path, tableOffset } = await buildTemporary(dynamic);
  await patchFile(path, tableOffset + entry * 4, bigEndian32(sector));
  return await failureOf(openDiskImage(path));
}

describe('the BAT reader', () => {
  it.each([
    ['backwards', (blocks: readonly number[]) => blocks.toReversed()],
    ['shuffled', (blocks: readonly number[]) => blocks.toSorted((one, other) => ((one * 7) % 5) - ((other * 7) % 5))],
  ])('accepts blocks that are stored %s in the file', async (_name, blockOrder) => {
    const { path } = await buildTemporary({ ...dynamic, blockOrder });
    const { image } = await openWatched(path);
    expectSameBytes(await readDisk(image), diskOf(MIB, contents));
  });

  it('accepts gaps between blocks: data at multiples of 4 KiB, as Windows 10 writes it', async () => {
    const { path, blockPositions } = await buildTemporary({ ...dynamic, dataAlignment: 4096 });
    expect(((blockPositions.get(3) ?? 0) + 512) % 4096).toBe(0);
    const { image } = await openWatched(path);
    expectSameBytes(await readDisk(image), diskOf(MIB, contents));
  });

  it('accepts any position in the file', async () => {
    const { path } = await buildTemporary({ ...dynamic, tableOffset: 5 * MIB });
    const { image } = await openWatched(path);
    expectSameBytes(await readDisk(image), diskOf(MIB, contents));
  });

  it.each([
    [
      'the end of the file',
      0x10000,
      /its block of 66048 bytes must end before the footer at \d+, but starts at 33554432/,
    ],
    ['the end of the file, at the largest sector number', 0xfffffffe, /but starts at 2199023254528\./],
    ['the copy of the footer', 0, /overlaps the copy of the footer/],
    ['the dynamic header', 2, /overlaps the dynamic header/],
    ['the BAT', 3, /overlaps the BAT/],
  ])('refuses a block over %s', async (_name, sector, message) => {
    const error = await failureWithEntry(1, sector);
    expect(error).toBeInstanceOf(CorruptImageError);
    expect(error.message).toMatch(/^Cannot read BAT entry 1 of .*disk\.vhd: /);
    expect(error.message).toMatch(message);
  });

  it('reports a damaged entry, not a truncated file, when an offset is impossible, also without a footer', async () => {
    const { path, tableOffset } = await buildTemporary({ ...dynamic, footers: 'head' });
    await patchFile(path, tableOffset + 4, bigEndian32(0xf0000000));
    expect((await failureOf(openDiskImage(path))).message).toMatch(
      /BAT entry 1 of .*its block ends at .*, and the file at/,
    );
  });

  it('refuses a block over the footer', async () => {
    const { path, tableOffset, blockPositions } = await buildTemporary(dynamic);
    const sector = (blockPositions.get(4) ?? 0) / 512 + 1;
    await patchFile(path, tableOffset + 4 * 4, bigEndian32(sector));
    expect((await failureOf(openDiskImage(path))).message).toContain('must end before the footer');
  });

  it('refuses two blocks in the same place', async () => {
    const { path, tableOffset, blockPositions } = await buildTemporary(dynamic);
    await patchFile(path, tableOffset + 9 * 4, bigEndian32((blockPositions.get(3) ?? 0) / 512));
    const error = await failureOf(openDiskImage(path));
    expect(error).toBeInstanceOf(CorruptImageError);
    expect(error.message).toContain('Cannot read BAT entry 3 of');
    expect(error.message).toContain('overlaps that of entry 9');
  });

  it('refuses blocks that overlap by their bitmap sector, as an old DOSBox-X wrote them', async () => {
    const { path, tableOffset, blockPositions } = await buildTemporary(dynamic);
    await patchFile(path, tableOffset + 4 * 4, bigEndian32((blockPositions.get(3) ?? 0) / 512 + BLOCK / 512));
    expect((await failureOf(openDiskImage(path))).message).toContain('overlaps that of entry 4');
  });

  it.each([0n, 256n, 2n ** 40n, 2n ** 63n])(
    'refuses an offset outside the file or before the end of the footer: %i',
    async (offset) => {
      const editHeader = (header: Buffer) => void header.writeBigUInt64BE(offset, 16);
      const { path } = await buildTemporary({ ...dynamic, editHeader });
      const error = await failureOf(openDiskImage(path));
      expect(error).toBeInstanceOf(CorruptImageError);
      expect(error.message).toMatch(
        /^Cannot (read the BAT of|use the dynamic header at 512 of) .*(it must lie between|its table offset is)/,
      );
    },
  );

  it('refuses more than 2^25 entries at once: a small file that claims 2040 GiB in blocks of 512 bytes', async () => {
    const editFooter = (footer: Buffer) => void footer.writeBigUInt64BE(2040n * 2n ** 30n, 48);
    const editHeader = (header: Buffer) => {
      header.writeUInt32BE(512, 32);
      header.writeUInt32BE(0xffffffff, 28);
    };
    const { path } = await buildTemporary({ ...dynamic, editFooter, editHeader });
    const error = await failureOf(openDiskImage(path));
    expect(error).toBeInstanceOf(UnsupportedImageError);
    expect(error.message).toContain('has 4278190080 blocks, and vhdup reads at most 33554432');
  });

  it('refuses a truncated table: a small file that claims 2040 GiB', async () => {
    const editFooter = (footer: Buffer) => void footer.writeBigUInt64BE(2040n * 2n ** 30n, 48);
    const editHeader = (header: Buffer) => {
      header.writeUInt32BE(2 * MIB, 32);
      header.writeUInt32BE(0xffffffff, 28);
    };
    const { path } = await buildTemporary({ ...dynamic, editFooter, editHeader });
    expect((await failureOf(openDiskImage(path))).message).toContain('its 4177920 bytes start at 1536');
  });

  it('returns neighbouring blocks as one extent, and clips the last one to the disk', async () => {
    const size = 7 * BLOCK - 512;
    const { path } = await buildTemporary({ ...dynamic, size, allocated: [6] });
    const { image } = await openWatched(path);
    expect(await listExtents(image.extents())).toEqual([
      { offset: 0, length: BLOCK },
      { offset: 3 * BLOCK, length: 2 * BLOCK },
      { offset: 6 * BLOCK, length: BLOCK - 512 },
    ]);
  });

  it('reads in slices: a disk of 2040 GiB with blocks beyond 2^31 bytes and 2^31 sectors', async () => {
    const size = 2040 * 1024 * MIB;
    const far = [
      { offset: 0, bytes: patternOf(1, 512) },
      { offset: 1200 * 1024 * MIB, bytes: patternOf(2, 512) },
      { offset: size - 512, bytes: patternOf(3, 512) },
    ];
    // The block in the middle lies 1.5 TiB into the file: its sector number has the highest bit set.
    const { path, tableOffset, blockPositions } = await buildTemporary({
      ...dynamic,
      size,
      blockSize: 2 * MIB,
      contents: far,
      tableOffset: 3 * 2 ** 31,
      dataAlignment: 2 ** 39,
    });
    expect(tableOffset).toBeGreaterThan(2 ** 32);
    expect(Math.max(...blockPositions.values()) / 512).toBeGreaterThan(2 ** 31);
    const { image } = await openWatched(path);
    for (const { offset, bytes } of far) {
      const sector = new Uint8Array(512);
      await image.read({ offset, length: 512 }, sector);
      expectSameBytes(sector, bytes);
    }
    expect(await listExtents(image.extents())).toHaveLength(3);
  });
});
