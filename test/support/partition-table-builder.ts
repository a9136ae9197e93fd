// Writes partition tables into disks in memory. It shares no code with the reader in src/volume.
import { crc32 } from 'node:zlib';

export interface MbrPartition {
  /** 1 to 4. */
  readonly slot: number;
  readonly type: number;
  /** In sectors. */
  readonly first: number;
  readonly count: number;
  readonly active?: boolean;
}

/** Writes an MBR, or an extended boot record at `offset`. Other bytes of the sector do not change. */
export function writeMbr(disk: Buffer, partitions: readonly MbrPartition[], offset = 0): void {
  for (const { slot, type, first, count, active } of partitions) {
    const at = offset + 446 + (slot - 1) * 16;
    disk.writeUInt8(active === true ? 0x80 : 0, at);
    disk.writeUInt8(type, at + 4);
    disk.writeUInt32LE(first, at + 8);
    disk.writeUInt32LE(count, at + 12);
  }
  disk.writeUInt16LE(0xaa55, offset + 510);
}

export interface GptPartition {
  /** GUID as text. */
  readonly type: string;
  readonly id?: string;
  readonly name?: string;
  readonly first: bigint;
  /** Its last sector. */
  readonly last: bigint;
  readonly attributes?: bigint;
}

export interface GptOptions {
  readonly sectorSize?: 512 | 4096;
  /** Which copies are written. @default both */
  readonly copies?: readonly ('primary' | 'backup')[];
  /** @default true */
  readonly protective?: boolean;
  /** The sector of the backup. @default the last one */
  readonly backupSector?: number;
  /** Changes a header before its checksum is computed. */
  readonly editHeader?: (header: Buffer, copy: 'primary' | 'backup') => void;
}

export const GPT_TYPES = {
  efi: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  biosBoot: '21686148-6449-6e6f-744e-656564454649',
  linux: '0fc63daf-8483-4772-8e79-3d69d8477de4',
  basicData: 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7',
} as const;

export function writeGpt(disk: Buffer, partitions: readonly GptPartition[], options: GptOptions = {}): void {
  const { sectorSize = 512, copies = ['primary', 'backup'] } = options;
  const sectors = Math.floor(disk.length / sectorSize);
  const tableSectors = (128 * 128) / sectorSize;
  const backupSector = options.backupSector ?? sectors - 1;
  if (options.protective !== false)
    writeMbr(disk, [{ slot: 1, type: 0xee, first: 1, count: Math.min(sectors - 1, 0xffffffff) }]);
  const table = Buffer.alloc(128 * 128);
  for (const [index, partition] of partitions.entries()) {
    const at = index * 128;
    writeGuid(table, at, partition.type);
    writeGuid(table, at + 16, partition.id ?? `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`);
    table.writeBigUInt64LE(partition.first, at + 32);
    table.writeBigUInt64LE(partition.last, at + 40);
    table.writeBigUInt64LE(partition.attributes ?? 0n, at + 48);
    table.write(partition.name ?? '', at + 56, 72, 'utf16le');
  }
  for (const copy of copies) {
    const own = copy === 'primary' ? 1 : backupSector;
    const tableSector = copy === 'primary' ? 2 : backupSector - tableSectors;
    const header = Buffer.alloc(92);
    header.write('EFI PART', 0, 'latin1');
    header.writeUInt32LE(0x00010000, 8);
    header.writeUInt32LE(92, 12);
    header.writeBigUInt64LE(BigInt(own), 24);
    header.writeBigUInt64LE(BigInt(copy === 'primary' ? backupSector : 1), 32);
    header.writeBigUInt64LE(BigInt(2 + tableSectors), 40);
    header.writeBigUInt64LE(BigInt(backupSector - tableSectors - 1), 48);
    writeGuid(header, 56, 'a1b2c3d4-0102-4304-8506-0708090a0b0c');
    header.writeBigUInt64LE(BigInt(tableSector), 72);
    header.writeUInt32LE(128, 80);
    header.writeUInt32LE(128, 84);
    header.writeUInt32LE(crc32(table), 88);
    options.editHeader?.(header, copy);
    header.writeUInt32LE(crc32(header), 16);
    header.copy(disk, own * sectorSize);
    table.copy(disk, tableSector * sectorSize);
  }
}

/** The first three groups of a GUID are little-endian. */
function writeGuid(bytes: Buffer, offset: number, guid: string): void {
  const [a = '', b = '', c = '', ...rest] = guid.split('-');
  for (const [at, group] of [
    [0, a],
    [4, b],
    [6, c],
  ] as const) {
    Buffer.from(group, 'hex')
      .reverse()
      .copy(bytes, offset + at);
  }
  Buffer.from(rest.join(''), 'hex').copy(bytes, offset + 8);
}
