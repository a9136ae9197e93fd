import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findPartitionTable, type PartitionTable } from '../../src/image/partition-table.ts';
import { withFile, workspace } from '../support/vhdx-workspace.ts';

const at = workspace();
let count = 0;

async function find(bytes: Uint8Array): Promise<PartitionTable | undefined> {
  const path = at(`disk-${count++}`);
  writeFileSync(path, bytes);
  return await withFile(path, findPartitionTable);
}

interface Entry {
  readonly status?: number;
  readonly type?: number;
  readonly first?: number;
  readonly sectors?: number;
}

function mbr(entries: readonly Entry[], length = 64 * 512): Buffer {
  const disk = Buffer.alloc(length);
  for (const [index, { status = 0, type = 0x83, first = 1, sectors = 8 }] of entries.entries()) {
    const offset = 446 + index * 16;
    disk.writeUInt8(status, offset);
    disk.writeUInt8(type, offset + 4);
    disk.writeUInt32LE(first, offset + 8);
    disk.writeUInt32LE(sectors, offset + 12);
  }
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}

describe('findPartitionTable', () => {
  it.each([
    ['an MBR', mbr([{ status: 0x80 }, { first: 9 }])],
    ['a protective MBR for a disk of more than 2 TiB', mbr([{ type: 0xee, sectors: 0xffffffff }])],
    ['a protective entry that begins in sector 0', mbr([{ type: 0xee, first: 0 }])],
    ['a partition beside an entry with an invalid boot flag', mbr([{}, { status: 0x20 }])],
    ['a partition beside an unused entry with start and length', mbr([{}, { type: 0 }])],
    ['a partition beside one without sectors', mbr([{ sectors: 0 }, {}])],
    ['a partition beside one that begins after the end of the disk', mbr([{ first: 1 << 20 }, {}])],
  ])('finds %s', async (_, disk) => {
    expect(await find(disk)).toEqual({ sectorSize: 512 });
  });

  it.each([512, 4096] as const)('finds a GPT with sectors of %i bytes', async (sectorSize) => {
    const disk = mbr([{ type: 0xee }]);
    disk.write('EFI PART', sectorSize, 'latin1');
    expect(await find(disk)).toEqual({ sectorSize });
  });

  it('detects sectors of 4096 bytes from the backup when the primary GPT is damaged', async () => {
    const disk = mbr([{ type: 0xee }], 16 * 4096);
    disk.write('EFI PART', 15 * 4096, 'latin1');
    expect(await find(disk)).toEqual({ sectorSize: 4096 });
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['511 bytes', Buffer.alloc(511, 0x55)],
    ['zeros', Buffer.alloc(4096)],
    ['a signature without partitions', mbr([])],
    ['a partition of no type', mbr([{ type: 0 }])],
    ['a partition in the MBR', mbr([{ first: 0 }])],
    ['an empty partition', mbr([{ sectors: 0 }])],
    ['a partition that begins after the end of the file', mbr([{ first: 64 }])],
    ['a signature that is not at the end of the sector', mbr([{}]).subarray(1)],
  ])('finds no table in %s', async (_, bytes) => {
    expect(await find(bytes)).toBeUndefined();
  });

  it('does not mistake the boot sector of a file system for a table', async () => {
    const sector = Buffer.alloc(4096);
    sector.write('\xeb\x3c\x90MSDOS5.0', 0, 'latin1');
    sector.write('Remove disks or other media.\xff\r\nDisk error\xff\r\nPress any key to restart', 400, 'latin1');
    sector.writeUInt16LE(0xaa55, 510);
    expect(await find(sector)).toBeUndefined();
  });
});
