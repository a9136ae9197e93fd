// The metadata region: the parameters of the disk (MS-VHDX 2.6).
import { MIB } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { UnsupportedImageError } from '../../errors.ts';
import { Fields } from '../fields.ts';
import type { ImageBytes } from '../image-bytes.ts';
import { GUID_LENGTH, type Guid, guidAt, guidBytes } from './guid.ts';
import type { Region } from './region-table.ts';

const TABLE_LENGTH = 64 * 1024;
const MAX_ENTRIES = 2047;
const ENTRY_LENGTH = 32;
const MAX_ITEM_LENGTH = MIB;

const SIGNATURE = 'metadata';
const IS_USER = 1;
/** The item describes the virtual disk, not the file. */
const IS_VIRTUAL_DISK = 2;
const IS_REQUIRED = 4;

const LEAVE_BLOCKS_ALLOCATED = 1;
const HAS_PARENT = 2;

/** 64 TiB. */
export const MAX_DISK_SIZE = 64 * 1024 * 1024 * MIB;
const MIN_BLOCK_SIZE = MIB;
const MAX_BLOCK_SIZE = 256 * MIB;

const FILE_PARAMETERS: Guid = 'caa16737-fa36-4d43-b3b6-33f0aa44e76b';
const VIRTUAL_DISK_SIZE: Guid = '2fa54224-cd1b-4876-b211-5dbed83bf4b8';
const LOGICAL_SECTOR_SIZE: Guid = '8141bf1d-a96f-4709-ba47-f233a8faab5f';
const PHYSICAL_SECTOR_SIZE: Guid = 'cda348c7-445d-4471-9cc9-e9885251c556';
const PAGE_83_DATA: Guid = 'beca12ab-b2e6-4523-93ef-c309e000c746';
const PARENT_LOCATOR: Guid = 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c';
/** Present while a program creates the file, then removed (known from openvmm, not in the specification). */
const INCOMPLETE_FILE: Guid = '71cc85f0-1b69-4e28-9558-c3bf83ae75d3';

/** Names from the specification. The last two (CHS, persistent memory labels) do not matter to a reader. */
const KNOWN_ITEMS = new Map<Guid, string>([
  [FILE_PARAMETERS, 'file parameters'],
  [VIRTUAL_DISK_SIZE, 'virtual disk size'],
  [LOGICAL_SECTOR_SIZE, 'logical sector size'],
  [PHYSICAL_SECTOR_SIZE, 'physical sector size'],
  [PAGE_83_DATA, 'page 83 data'],
  [PARENT_LOCATOR, 'parent locator'],
  ['da02d7bc-3d3a-423c-ac88-2a36ab21479b', 'CHS parameters'],
  ['10e1ae8a-4b7e-4169-a40f-cd70de928393', 'persistent memory label storage'],
]);

/** The parameters of the disk in the metadata. */
export interface DiskParameters {
  /** Virtual size in bytes: a multiple of the logical sector size. */
  readonly size: number;
  /** In bytes: a power of two from 1 MiB to 256 MiB. */
  readonly blockSize: number;
  readonly logicalSectorSize: 512 | 4096;
  readonly physicalSectorSize: 512 | 4096;
  /** Whether the disk is fixed, so that its blocks stay allocated. */
  readonly leaveBlocksAllocated: boolean;
  /** The id that the guest sees (SCSI, page 83): 16 bytes in the byte order of the file. A parent and its children share it. */
  readonly page83Id: Uint8Array;
  /** The parent locator item of a differencing disk. */
  readonly parentLocator: Fields | undefined;
}

/**
 * Reads the metadata. `file` must be read through its replayed log.
 * @throws {CorruptImageError} @throws {UnsupportedImageError} a required item is unknown, or the file is unfinished.
 */
export async function readDiskParameters(file: ImageBytes, region: Region): Promise<DiskParameters> {
  const items = await readTable(file, region);
  const parameters = await readItem(file, items, FILE_PARAMETERS, 8);
  const blockSize = checkBlockSize(parameters);
  const flags = checkFlags(parameters);
  const logicalSectorSize = await readSectorSize(file, items, LOGICAL_SECTOR_SIZE);
  const physicalSectorSize = await readSectorSize(file, items, PHYSICAL_SECTOR_SIZE);
  const size = checkDiskSize(await readItem(file, items, VIRTUAL_DISK_SIZE, 8), logicalSectorSize);
  const page83 = await readItem(file, items, PAGE_83_DATA, GUID_LENGTH);
  return {
    size,
    blockSize,
    logicalSectorSize,
    physicalSectorSize,
    leaveBlocksAllocated: (flags & LEAVE_BLOCKS_ALLOCATED) !== 0,
    page83Id: page83.bytes,
    parentLocator: (flags & HAS_PARENT) === 0 ? undefined : await readItem(file, items, PARENT_LOCATOR),
  };
}

/** The parameters of a new dynamic disk. */
export type NewDiskParameters = Pick<
  DiskParameters,
  'size' | 'blockSize' | 'logicalSectorSize' | 'physicalSectorSize' | 'page83Id'
>;

/** Encodes the beginning of the metadata region: the table, followed by its items. */
export function encodeMetadata(disk: NewDiskParameters): Uint8Array {
  const items: readonly (readonly [id: Guid, flags: number, value: Uint8Array])[] = [
    [FILE_PARAMETERS, IS_REQUIRED, u32s(disk.blockSize, 0)],
    [VIRTUAL_DISK_SIZE, IS_REQUIRED | IS_VIRTUAL_DISK, u64(disk.size)],
    [LOGICAL_SECTOR_SIZE, IS_REQUIRED | IS_VIRTUAL_DISK, u32s(disk.logicalSectorSize)],
    [PHYSICAL_SECTOR_SIZE, IS_REQUIRED | IS_VIRTUAL_DISK, u32s(disk.physicalSectorSize)],
    [PAGE_83_DATA, IS_REQUIRED | IS_VIRTUAL_DISK, disk.page83Id],
  ];
  const table = Buffer.alloc(TABLE_LENGTH);
  table.write(SIGNATURE, 0, 'latin1');
  table.writeUInt16LE(items.length, 10);
  let offset = TABLE_LENGTH;
  for (const [index, [id, flags, value]] of items.entries()) {
    const at = ENTRY_LENGTH + index * ENTRY_LENGTH;
    table.set(guidBytes(id), at);
    table.writeUInt32LE(offset, at + 16);
    table.writeUInt32LE(value.length, at + 20);
    table.writeUInt32LE(flags, at + 24);
    offset += value.length;
  }
  return Buffer.concat([table, ...items.map(([, , value]) => value)]);
}

function u32s(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

function u64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** An entry of the metadata table. `offset` counts from the start of the region. */
interface Item {
  readonly id: Guid;
  readonly offset: number;
  readonly length: number;
}

/** The system items by id. User items are checked but left out, because they do not affect reading. */
interface ItemTable {
  readonly table: Fields;
  readonly items: ReadonlyMap<Guid, Item>;
}

async function readTable(file: ImageBytes, region: Region): Promise<ItemTable> {
  const bytes = new Uint8Array(TABLE_LENGTH);
  await file.read(region.offset, bytes);
  const table = new Fields(bytes, { path: file.path, structure: 'metadata table', offset: region.offset }, 'little');
  if (table.ascii(0, 8) !== SIGNATURE) throw table.corrupt(`the signature "${SIGNATURE}" is missing`);
  const count = table.u16(10);
  if (count > MAX_ENTRIES) throw table.corrupt(`it has ${count} entries; at most ${MAX_ENTRIES} fit`);
  const items = new Map<Guid, Item>();
  const userItems = new Map<Guid, Item>();
  for (let index = 0; index < count; index++) {
    const at = ENTRY_LENGTH + index * ENTRY_LENGTH;
    const id = guidAt(table, at);
    const flags = table.u32(at + 24);
    const isUser = (flags & IS_USER) !== 0;
    if (isUser ? userItems.has(id) : items.has(id)) throw table.corrupt(`it has two entries for ${itemName(id)}`);
    if (id === INCOMPLETE_FILE && !isUser) {
      throw new UnsupportedImageError(
        `Cannot read ${printable(file.path)}: its creation did not finish. Create it again, or use another copy.`,
      );
    }
    if ((flags & IS_REQUIRED) !== 0 && (isUser || !KNOWN_ITEMS.has(id))) {
      throw new UnsupportedImageError(
        `Cannot read ${printable(file.path)}: it requires the metadata item ${id}, which vhdup does not support. Convert it with the program that wrote it.`,
      );
    }
    const item = { id, offset: table.u32(at + 16), length: table.u32(at + 20) };
    checkPlace(table, item, region);
    (isUser ? userItems : items).set(id, item);
  }
  checkApart(table, [...items.values(), ...userItems.values()]);
  return { table, items };
}

function checkPlace(table: Fields, { id, offset, length }: Item, region: Region): void {
  // An empty item has offset 0.
  if (length === 0 && offset === 0) return;
  if (length > MAX_ITEM_LENGTH) {
    throw table.corrupt(`${itemName(id)} may have at most ${MAX_ITEM_LENGTH} bytes, but has ${length}`);
  }
  if (offset < TABLE_LENGTH || offset + length > region.length) {
    throw table.corrupt(
      `${itemName(id)} must lie between the table and the end of the region (${TABLE_LENGTH} to ${region.length}), but has ${length} bytes at ${offset}`,
    );
  }
}

function checkApart(table: Fields, items: Item[]): void {
  const ascending = items.filter((item) => item.length > 0).sort((a, b) => a.offset - b.offset);
  for (const [index, item] of ascending.entries()) {
    const before = ascending[index - 1];
    if (before !== undefined && item.offset < before.offset + before.length) {
      throw table.corrupt(`${itemName(item.id)} begins at ${item.offset}, inside ${itemName(before.id)}`);
    }
  }
}

async function readItem(file: ImageBytes, { table, items }: ItemTable, id: Guid, length?: number): Promise<Fields> {
  const item = items.get(id);
  if (item === undefined) throw table.corrupt(`it has no entry for ${itemName(id)}`);
  if (length !== undefined && item.length !== length) {
    throw table.corrupt(`${itemName(id)} must have ${length} bytes, but has ${item.length}`);
  }
  const bytes = new Uint8Array(item.length);
  const offset = table.location.offset + item.offset;
  await file.read(offset, bytes);
  return new Fields(bytes, { path: file.path, structure: itemName(id), offset }, 'little');
}

function checkBlockSize(parameters: Fields): number {
  const blockSize = parameters.u32(0);
  const isPowerOfTwo = (blockSize & (blockSize - 1)) === 0;
  if (!isPowerOfTwo || blockSize < MIN_BLOCK_SIZE || blockSize > MAX_BLOCK_SIZE) {
    throw parameters.corrupt(
      `the block size must be a power of two from ${MIN_BLOCK_SIZE} to ${MAX_BLOCK_SIZE}, but is ${blockSize}`,
    );
  }
  return blockSize;
}

function checkFlags(parameters: Fields): number {
  const flags = parameters.u32(4);
  if ((flags & ~(LEAVE_BLOCKS_ALLOCATED | HAS_PARENT)) !== 0) {
    throw parameters.corrupt(`only the lowest two flags are defined, but the flags are 0x${flags.toString(16)}`);
  }
  return flags;
}

async function readSectorSize(file: ImageBytes, items: ItemTable, id: Guid): Promise<512 | 4096> {
  const fields = await readItem(file, items, id, 4);
  const value = fields.u32(0);
  if (value !== 512 && value !== 4096) throw fields.corrupt(`it must be 512 or 4096, but is ${value}`);
  return value;
}

function checkDiskSize(fields: Fields, logicalSectorSize: number): number {
  const size = fields.u64(0, 'value');
  if (size === 0 || size > MAX_DISK_SIZE || size % logicalSectorSize !== 0) {
    throw fields.corrupt(
      `it must be a multiple of the logical sector size ${logicalSectorSize} and at most ${MAX_DISK_SIZE}, but is ${size}`,
    );
  }
  return size;
}

function itemName(id: Guid): string {
  return KNOWN_ITEMS.get(id) ?? `metadata item ${id}`;
}
