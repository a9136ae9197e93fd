import { describe, expect, it } from 'vitest';
import { readPartitionTable } from '../../src/volume/partition-table.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { GPT_TYPES, type GptOptions, writeGpt, writeMbr } from '../support/partition-table-builder.ts';

const MIB = 1024 * 1024;

function gptDisk(options: GptOptions = {}, size = 8 * MIB): Buffer {
  const disk = Buffer.alloc(size);
  const perMib = BigInt(MIB / (options.sectorSize ?? 512));
  writeGpt(
    disk,
    [
      { type: GPT_TYPES.efi, first: perMib, last: 3n * perMib - 1n, name: 'EFI System Partition' },
      { type: GPT_TYPES.linux, first: 3n * perMib, last: 7n * perMib - 1n, attributes: 4n },
    ],
    options,
  );
  return disk;
}

function tableOn(disk: Buffer, sectorSize?: 512 | 4096) {
  return readPartitionTable(new MemoryDisk(disk), sectorSize);
}

async function problemsOn(disk: Buffer): Promise<string[]> {
  return ((await tableOn(disk))?.problems ?? []).map(({ code }) => code);
}

describe('a GPT', () => {
  it.each([512, 4096] as const)('is read with sectors of %i bytes, detected by its place', async (sectorSize) => {
    expect(await tableOn(gptDisk({ sectorSize }))).toMatchObject({
      scheme: 'gpt',
      sectorSize,
      diskId: 'a1b2c3d4-0102-4304-8506-0708090a0b0c',
      problems: [],
      partitions: [
        {
          index: 1,
          offset: MIB,
          length: 2 * MIB,
          type: GPT_TYPES.efi,
          typeName: 'EFI system',
          role: 'efi-system',
          name: 'EFI System Partition',
          id: '00000000-0000-4000-8000-000000000001',
          isActive: false,
        },
        { index: 2, offset: 3 * MIB, length: 4 * MIB, role: 'linux', isActive: true, attributes: '0000000000000004' },
      ],
    });
  });

  it('keeps the numbers of its entries when some are unused', async () => {
    const disk = Buffer.alloc(8 * MIB);
    const free = { type: '00000000-0000-0000-0000-000000000000', first: 0n, last: 0n };
    writeGpt(disk, [free, free, { type: GPT_TYPES.linux, first: 2048n, last: 4095n }]);
    expect((await tableOn(disk))?.partitions.map(({ index }) => index)).toEqual([3]);
  });

  it.each([
    ['a bit of its header', 512 + 60],
    ['a bit of its entries', 1024 + 56],
    ['its signature', 512],
  ])('is read from its backup when %s is wrong in the primary', async (_, at) => {
    const disk = gptDisk();
    disk.writeUInt8(disk.readUInt8(at) ^ 1, at);
    const table = await tableOn(disk);
    expect(table?.partitions).toHaveLength(2);
    expect(table?.problems.map(({ code }) => code)).toEqual(['gpt-primary-damaged']);
  });

  it('is reported with both checksums when they differ', async () => {
    const disk = gptDisk();
    disk.writeUInt8(disk.readUInt8(512 + 60) ^ 1, 512 + 60);
    expect((await tableOn(disk))?.problems[0]?.message).toMatch(
      /the checksum of its header is 0x[0-9a-f]{8}, but its bytes give 0x[0-9a-f]{8}/,
    );
  });

  it('is read, with a note, when its backup is damaged, or missing from the end of the disk', async () => {
    const damaged = gptDisk();
    damaged.fill(0, damaged.length - 512);
    expect(await problemsOn(damaged)).toEqual(['gpt-backup-damaged']);
    expect(await problemsOn(gptDisk().subarray(0, 7 * MIB))).toEqual(['gpt-backup-damaged']);
  });

  it('is read, with a note, when the disk was extended', async () => {
    const grown = Buffer.concat([gptDisk(), Buffer.alloc(MIB)]);
    expect(await problemsOn(grown)).toEqual(['gpt-backup-misplaced']);
  });

  it('is unreadable, and has no partitions, when neither copy is valid', async () => {
    const disk = gptDisk();
    disk.fill(0, 512, 1024);
    disk.fill(0, disk.length - 512);
    expect(await tableOn(disk)).toMatchObject({
      scheme: 'gpt',
      partitions: [],
      problems: [{ code: 'gpt-unreadable' }],
    });
  });

  it('is read without a protective MBR, with a note, but not if MBR partitions replaced it', async () => {
    const bare = gptDisk({ protective: false });
    expect(await problemsOn(bare)).toEqual(['gpt-protective-mbr-missing']);
    writeMbr(bare, [{ slot: 1, type: 0x83, first: 2048, count: 2048 }]);
    expect(await tableOn(bare)).toMatchObject({ scheme: 'mbr', problems: [] });
  });

  it('is found behind a protective entry that begins in sector 0, with a note', async () => {
    const disk = gptDisk({ protective: false });
    writeMbr(disk, [{ slot: 3, type: 0xee, first: 0, count: 0xffffffff, active: true }]);
    expect(await problemsOn(disk)).toEqual(['mbr-entry-odd']);
  });

  it('takes precedence over the partitions of a hybrid MBR', async () => {
    const disk = gptDisk();
    writeMbr(disk, [{ slot: 2, type: 0x83, first: 2048, count: 2048, active: true }]);
    expect(await tableOn(disk)).toMatchObject({ scheme: 'gpt', problems: [{ code: 'gpt-hybrid-mbr' }] });
  });

  it.each([
    ['entries of length 0', (header: Buffer) => header.writeUInt32LE(0, 84)],
    ['2^32 - 1 entries', (header: Buffer) => header.writeUInt32LE(0xffffffff, 80)],
    ['entries beyond the disk', (header: Buffer) => header.writeBigUInt64LE(1n << 60n, 72)],
    ['a header of 4 GiB', (header: Buffer) => header.writeUInt32LE(0xffffffff, 12)],
    ['a header that names another sector', (header: Buffer) => header.writeBigUInt64LE(7n, 24)],
  ])('is refused with %s, after few reads', async (_, editHeader) => {
    const disk = new MemoryDisk(gptDisk({ editHeader }));
    expect(await readPartitionTable(disk)).toMatchObject({ partitions: [], problems: [{ code: 'gpt-unreadable' }] });
    expect(disk.readBytes).toBeLessThan(64 * 1024);
  });

  it('reports partitions that are empty, extend beyond the disk, or overlap', async () => {
    const disk = Buffer.alloc(8 * MIB);
    writeGpt(disk, [
      { type: GPT_TYPES.linux, first: 2048n, last: 4095n },
      { type: GPT_TYPES.linux, first: 4000n, last: 5000n },
      { type: GPT_TYPES.linux, first: 6000n, last: 5999n },
      { type: GPT_TYPES.linux, first: 8192n, last: (1n << 63n) - 1n },
    ]);
    const { problems = [] } = (await tableOn(disk)) ?? {};
    expect(problems.map(({ message }) => message)).toEqual([
      'Partition 3 has no sectors.',
      `Partition 4 ends at ${Number.MAX_SAFE_INTEGER}, but the disk ends at 8388608: the disk was truncated, or the table belongs to another disk.`,
      'Partition 2 begins at 2048000, inside partition 1, which ends at 2097152.',
    ]);
  });
});

describe('an MBR', () => {
  it('is read with its slots, active partition and disk signature', async () => {
    const disk = Buffer.alloc(8 * MIB);
    disk.writeUInt32LE(0xcafe0123, 440);
    writeMbr(disk, [
      { slot: 1, type: 0x07, first: 2048, count: 2048, active: true },
      { slot: 3, type: 0x83, first: 4096, count: 4096 },
    ]);
    expect(await tableOn(disk)).toMatchObject({
      scheme: 'mbr',
      sectorSize: 512,
      diskId: 'cafe0123',
      hasBootCode: false,
      problems: [],
      partitions: [
        { index: 1, offset: MIB, length: MIB, type: '0x07', typeName: 'NTFS or exFAT', isActive: true },
        { index: 3, offset: 2 * MIB, length: 2 * MIB, type: '0x83', role: 'linux', isActive: false },
      ],
    });
  });

  it.each([
    ['has type 0 with start and length', { type: 0 }, /Entry 2 of the MBR has type 0x00 \(unused\) but 2048 sectors/],
    ['has no sectors', { count: 0 }, /Entry 2 of the MBR has type 0x83 but no sectors: it is ignored/],
    ['begins in the table itself', { first: 0 }, /Entry 2 of the MBR has type 0x83 but begins in sector 0/],
    ['is unused and not empty', { type: 0, first: 0, count: 0, chs: 0xfe }, /Entry 2 of the MBR is unused .*not empty/],
  ])('returns its valid partition, with a warning, when another entry %s', async (_, odd, message) => {
    const disk = Buffer.alloc(8 * MIB);
    writeMbr(disk, [
      { slot: 1, type: 0x07, first: 2048, count: 2048, active: true },
      { slot: 2, type: 0x83, first: 4096, count: 2048, ...odd },
    ]);
    if ('chs' in odd) disk.writeUInt8(odd.chs, 446 + 16 + 1);
    const table = await tableOn(disk);
    expect(table?.partitions.map(({ index }) => index)).toEqual([1]);
    expect(table?.problems).toEqual([{ code: 'mbr-entry-odd', message: expect.stringMatching(message) }]);
  });

  it.each([
    ['begins beyond the disk', { first: 1_000_000 }, 0, 'partition-beyond-disk'],
    ['overlaps another', { first: 3000 }, 0, 'partitions-overlap'],
    ['has an invalid boot flag', {}, 0x01, 'mbr-entry-odd'],
  ])('returns all its partitions, with a warning, when one %s', async (_, odd, flag, code) => {
    const disk = Buffer.alloc(8 * MIB);
    writeMbr(disk, [
      { slot: 1, type: 0x07, first: 2048, count: 2048 },
      { slot: 2, type: 0x83, first: 4096, count: 2048, ...odd },
    ]);
    disk.writeUInt8(flag, 446 + 16);
    const table = await tableOn(disk);
    expect(table?.partitions.map(({ index }) => index)).toEqual([1, 2]);
    expect(table?.problems.map((problem) => problem.code)).toEqual([code]);
  });

  it('ignores cylinders, heads and sectors, which are wrong once a disk is copied to another geometry', async () => {
    const disk = Buffer.alloc(8 * MIB);
    writeMbr(disk, [{ slot: 1, type: 0x83, first: 2048, count: 2048 }]);
    disk.fill(0xfe, 447, 450);
    expect(await tableOn(disk)).toMatchObject({ problems: [], partitions: [{ offset: MIB, length: MIB }] });
  });

  it('is not detected in the boot sector of a file system, even if one entry looks valid', async () => {
    const disk = Buffer.alloc(8 * MIB);
    disk.write('\xeb\x52\x90NTFS    ', 0, 'latin1');
    writeMbr(disk, [{ slot: 1, type: 0x07, first: 2048, count: 2048 }]);
    disk.write('restart', 446 + 16, 'latin1');
    expect(await tableOn(disk)).toBeUndefined();
  });

  it('counts in sectors of 4096 bytes if the image does', async () => {
    const disk = Buffer.alloc(8 * MIB);
    writeMbr(disk, [{ slot: 1, type: 0x83, first: 256, count: 256 }]);
    expect((await tableOn(disk, 4096))?.partitions).toMatchObject([{ offset: MIB, length: MIB }]);
  });

  it('follows the chain of logical partitions, which are numbered from 5', async () => {
    const disk = Buffer.alloc(8 * MIB);
    writeMbr(disk, [{ slot: 1, type: 0x05, first: 2048, count: 12288 }]);
    writeMbr(
      disk,
      [
        { slot: 1, type: 0x83, first: 64, count: 1000 },
        { slot: 2, type: 0x05, first: 4096, count: 4096 },
      ],
      MIB,
    );
    writeMbr(disk, [{ slot: 1, type: 0x82, first: 64, count: 1000 }], 3 * MIB);
    const table = await tableOn(disk);
    expect(table?.problems).toEqual([]);
    expect(table?.partitions).toMatchObject([
      { index: 1, role: 'extended', isLogical: false },
      { index: 5, offset: MIB + 64 * 512, length: 512_000, role: 'linux', isLogical: true },
      { index: 6, offset: 3 * MIB + 64 * 512, role: 'linux-swap', isLogical: true },
    ]);
  });

  it.each([
    ['loops', 0, /its chain loops back to 1048576/],
    ['leaves the partition', 60_000, /its chain leads to 31768576, which is outside of it/],
    ['leads to a sector that is not a boot record', 100, /no boot record was found at 1099776/],
  ])('is read up to the invalid link when the chain of its extended partition %s', async (_, first, problem) => {
    const disk = Buffer.alloc(8 * MIB);
    writeMbr(disk, [{ slot: 1, type: 0x05, first: 2048, count: 12288 }]);
    writeMbr(
      disk,
      [
        { slot: 1, type: 0x83, first: 64, count: 1000 },
        { slot: 2, type: 0x05, first, count: 4096 },
      ],
      MIB,
    );
    const table = await tableOn(disk);
    expect(table?.partitions.map(({ index }) => index)).toEqual([1, 5]);
    expect(table?.problems).toMatchObject([{ code: 'mbr-extended-damaged', message: expect.stringMatching(problem) }]);
  });

  it('ends its extended partition at a link without sectors, and finds link and partition in any slot', async () => {
    const disk = Buffer.alloc(8 * MIB);
    writeMbr(disk, [{ slot: 1, type: 0x0f, first: 2048, count: 12288 }]);
    writeMbr(
      disk,
      [
        { slot: 1, type: 0x05, first: 4096, count: 4096 },
        { slot: 3, type: 0x83, first: 64, count: 1000 },
      ],
      MIB,
    );
    writeMbr(
      disk,
      [
        { slot: 1, type: 0x83, first: 64, count: 1000 },
        { slot: 2, type: 0x05, first: 0, count: 0 },
      ],
      3 * MIB,
    );
    const table = await tableOn(disk);
    expect(table?.problems).toEqual([]);
    expect(table?.partitions.map(({ index, offset }) => [index, offset])).toEqual([
      [1, MIB],
      [5, MIB + 64 * 512],
      [6, 3 * MIB + 64 * 512],
    ]);
  });

  it('has at most 128 logical partitions', async () => {
    const disk = Buffer.alloc(8 * MIB);
    writeMbr(disk, [{ slot: 1, type: 0x05, first: 2048, count: 12288 }]);
    for (let index = 0; index < 200; index++) {
      const entries = [
        { slot: 1, type: 0x83, first: 1, count: 1 },
        { slot: 2, type: 0x05, first: (index + 1) * 2, count: 2 },
      ];
      writeMbr(disk, entries, MIB + index * 1024);
    }
    const table = await tableOn(disk);
    expect(table?.partitions).toHaveLength(129);
    expect(table?.problems).toMatchObject([{ code: 'mbr-extended-damaged' }]);
  });
});

describe('no table', () => {
  it('is found on a disk of zeros, on one of less than a sector, and in a boot sector with code in place of entries', async () => {
    expect(await tableOn(Buffer.alloc(MIB))).toBeUndefined();
    expect(await tableOn(Buffer.alloc(0))).toBeUndefined();
    const bootSector = Buffer.alloc(MIB);
    bootSector.write('Remove disks or other media. Press any key to restart', 450, 'latin1');
    bootSector.writeUInt16LE(0xaa55, 510);
    expect(await tableOn(bootSector)).toBeUndefined();
  });
});
