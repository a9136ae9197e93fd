// Whatever a disk contains, reading its layout takes bounded time, reads little data, and gives a result.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptImageError } from '../../src/errors.ts';
import { readDiskLayout } from '../../src/volume/disk-layout.ts';
import { listFatFolders } from '../../src/volume/fat-folder.ts';
import { bootAbilityOf } from '../../src/volume/generation.ts';
import { guessOperatingSystem } from '../../src/volume/operating-system.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { GPT_TYPES, writeGpt, writeMbr } from '../support/partition-table-builder.ts';

const MIB = 1024 * 1024;
const SIZE = 4 * MIB;

/** A FAT16 of 1 MiB with clusters of 512 bytes. Its root folder has EFI, and EFI has one folder. */
function fatVolume(): Buffer {
  const fat = Buffer.alloc(MIB);
  fat.write('\xeb\x3c\x90MSDOS5.0', 0, 'latin1');
  fat.writeUInt16LE(512, 11);
  fat.writeUInt8(1, 13);
  fat.writeUInt16LE(1, 14);
  fat.writeUInt8(1, 16);
  fat.writeUInt16LE(16, 17);
  fat.writeUInt16LE(0, 19);
  fat.writeUInt8(0xf8, 21);
  fat.writeUInt16LE(32, 22);
  fat.writeUInt32LE(5000, 32);
  fat.writeUInt16LE(0xaa55, 510);
  fat.writeUInt16LE(0xffff, 512 + 4);
  writeFolder(fat, 33 * 512, 'EFI', 2);
  writeFolder(fat, 34 * 512, 'DEBIAN', 3);
  return fat;
}

function writeFolder(fat: Buffer, at: number, name: string, cluster: number): void {
  fat.write(name.padEnd(11), at, 'latin1');
  fat.writeUInt8(0x10, at + 11);
  fat.writeUInt16LE(cluster, at + 26);
}

function gptDisk(): Buffer {
  const disk = Buffer.alloc(SIZE);
  writeGpt(disk, [
    { type: GPT_TYPES.efi, first: 2048n, last: 4095n, name: 'ESP' },
    { type: GPT_TYPES.linux, first: 4096n, last: 6143n },
  ]);
  fatVolume().copy(disk, MIB);
  disk.writeUInt16LE(0xef53, 2 * MIB + 1024 + 56);
  return disk;
}

function mbrDisk(): Buffer {
  const disk = Buffer.alloc(SIZE);
  writeMbr(disk, [
    { slot: 1, type: 0xef, first: 2048, count: 2048 },
    { slot: 2, type: 0x05, first: 4096, count: 4000 },
  ]);
  writeMbr(
    disk,
    [
      { slot: 1, type: 0x83, first: 8, count: 100 },
      { slot: 2, type: 0x05, first: 200, count: 100 },
    ],
    2 * MIB,
  );
  writeMbr(disk, [{ slot: 1, type: 0x82, first: 8, count: 100 }], 2 * MIB + 200 * 512);
  fatVolume().copy(disk, MIB);
  return disk;
}

/** Bytes that matter: both tables, the boot sector, table and folders of the FAT, the boot records, the superblock. */
const PLACES = [
  [0, 512],
  [512, 512 + 92],
  [1024, 1024 + 256],
  [MIB, MIB + 35 * 512],
  [2 * MIB, 2 * MIB + 2048],
  [2 * MIB + 200 * 512, 2 * MIB + 201 * 512],
  [SIZE - 33 * 512, SIZE],
] as const;

const mutation = fc
  .constantFrom(...PLACES)
  .chain(([from, to]) =>
    fc.tuple(fc.integer({ min: from, max: to - 1 }), fc.constantFrom(0, 1, 0x7f, 0x80, 0xee, 0xff, 5)),
  );

describe('a hostile disk', () => {
  it('has a layout when it is undamaged', async () => {
    const gpt = await readDiskLayout(new MemoryDisk(gptDisk()));
    expect(gpt.volumes).toMatchObject([{ bootLoaders: ['DEBIAN'] }, { fileSystem: { type: 'ext2' } }]);
    const mbr = await readDiskLayout(new MemoryDisk(mbrDisk()));
    expect(mbr.volumes.map(({ partition }) => partition?.index)).toEqual([1, 5, 6]);
    expect([...gpt.problems, ...mbr.problems]).toEqual([]);
  });

  it.each([
    ['GPT', gptDisk()],
    ['MBR', mbrDisk()],
  ])('gives a result, whichever bytes of its %s are wrong', async (_, original) => {
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 8 }), async (mutations) => {
        const bytes = Buffer.from(original);
        for (const [at, value] of mutations) bytes.writeUInt8(value, at);
        const disk = new MemoryDisk(bytes);
        const layout = await readDiskLayout(disk);
        bootAbilityOf(layout);
        guessOperatingSystem(layout);
        for (const { range } of layout.volumes) {
          expect(range.offset + range.length).toBeLessThanOrEqual(SIZE);
        }
        expect(disk.readBytes).toBeLessThan(8 * MIB);
      }),
      { seed: 20260727, numRuns: 1500 },
    );
  });

  it('is examined up to 256 partitions', async () => {
    const bytes = Buffer.alloc(SIZE);
    writeMbr(bytes, [
      { slot: 1, type: 5, first: 8, count: 2000 },
      { slot: 2, type: 5, first: 8, count: 2000 },
      { slot: 3, type: 5, first: 8, count: 2000 },
    ]);
    for (let index = 0; index < 200; index++) {
      const link = { slot: 2, type: 5, first: (index + 1) * 2, count: 2 };
      writeMbr(bytes, [{ slot: 1, type: 0x83, first: 1, count: 1 }, link], 8 * 512 + index * 1024);
    }
    const layout = await readDiskLayout(new MemoryDisk(bytes));
    expect(layout.volumes).toHaveLength(256);
    expect(layout.problems.map(({ code }) => code)).toContain('partitions-too-many');
  });

  it('has a layout without its unreadable parts, which are reported', async () => {
    const bytes = gptDisk();
    const disk = new MemoryDisk(bytes);
    const layout = await readDiskLayout({
      size: SIZE,
      read: async (range, into) => {
        if (range.offset < 3 * MIB && range.offset + range.length > 2 * MIB)
          throw new CorruptImageError('A block is gone.');
        await disk.read(range, into);
      },
    });
    expect(layout.volumes).toHaveLength(2);
    expect(layout.problems).toEqual([{ code: 'unreadable', message: 'Cannot read partition 2: A block is gone.' }]);
  });
});

describe('the folders of a FAT', () => {
  it('end where their cluster chain loops', async () => {
    const fat = fatVolume();
    fat.writeUInt16LE(2, 512 + 4);
    fat.fill(fat.subarray(34 * 512, 34 * 512 + 32), 34 * 512, 35 * 512);
    const disk = new MemoryDisk(fat);
    const names = await listFatFolders(disk, { offset: 0, length: MIB }, ['efi']);
    expect(names).toHaveLength((256 * 1024) / 32);
  });

  it('are empty if the volume is not a FAT, or the folder does not exist', async () => {
    const range = { offset: 0, length: MIB };
    expect(await listFatFolders(new MemoryDisk(Buffer.alloc(MIB)), range, [])).toBeUndefined();
    expect(await listFatFolders(new MemoryDisk(fatVolume()), range, ['EFI', 'none'])).toBeUndefined();
    expect(await listFatFolders(new MemoryDisk(fatVolume()), range, [])).toEqual(['EFI']);
  });
});
