// Builds fixed, dynamic and differencing VHDs from a description. It shares no code with the reader in src/image.
import { createCipheriv } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

/** Data at `offset` of the disk, in whole sectors of 512 bytes. */
export interface VhdContent {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface VhdLocator {
  /** Four characters: "W2ru", "W2ku", "MacX". */
  readonly code: string;
  /** A text is stored in the encoding of its code: UTF-16LE, or UTF-8 for MacX. */
  readonly text: string | Uint8Array;
  /** 0 to 7. @default the next one */
  readonly slot?: number;
  /** The field Platform Data Space. @default the length in bytes */
  readonly space?: number;
  /** The field Platform Data Length. @default the true one */
  readonly length?: number;
}

export interface VhdParent {
  /** 16 bytes. */
  readonly uniqueId: Uint8Array;
  readonly timestamp?: number;
  /** A text is stored in big-endian UTF-16. @default '' */
  readonly name?: string | Uint8Array;
  readonly locators?: readonly VhdLocator[];
}

export interface VhdDescription {
  readonly type: 'fixed' | 'dynamic' | 'differencing';
  /** Of the disk, in bytes. */
  readonly size: number;
  /** Later ones replace earlier ones. */
  readonly contents?: readonly VhdContent[];
  /** 16 bytes. @default made from the size and the type */
  readonly uniqueId?: Uint8Array;
  readonly timestamp?: number;
  /** Four characters. @default 'win ' */
  readonly creatorApplication?: string;
  /** @default 0x000a0000 */
  readonly creatorVersion?: number;
  readonly savedState?: boolean;
  /** @default 2 MiB */
  readonly blockSize?: number;
  /** @default as many as the size needs */
  readonly maxTableEntries?: number;
  /** Of the BAT in the file. @default 0x600, or after the parent locators */
  readonly tableOffset?: number;
  /** Which bits are set: all, those of written sectors, none. @default 'full' for dynamic, 'written' for differencing */
  readonly bitmaps?: 'full' | 'written' | 'empty';
  readonly bitOrder?: 'msb-first' | 'lsb-first';
  /** Blocks that are allocated although they have no contents. */
  readonly allocated?: readonly number[];
  /** The order of the blocks in the file. @default ascending */
  readonly blockOrder?: (blocks: readonly number[]) => readonly number[];
  /** The data of each block starts at a multiple of this. @default 512 */
  readonly dataAlignment?: number;
  /** Fill byte for sectors of allocated blocks without contents. @default 0 */
  readonly staleByte?: number;
  /** Bytes between the last block and the footer. @default 0 */
  readonly gapBeforeFooter?: number;
  /** Ends the last block in the file with the disk, as some writers do. It must also be the last block of the disk. */
  readonly cutsLastBlock?: boolean;
  readonly parent?: VhdParent;
  /** @default 'both' for dynamic and differencing */
  readonly footers?: 'both' | 'head' | 'tail';
  /** 511 in old versions of Virtual PC. @default 512 */
  readonly footerLength?: 511 | 512;
  /** Changes a footer before its checksum is computed. */
  readonly editFooter?: (footer: Buffer, copy: 'head' | 'tail') => void;
  /** Changes the dynamic header before its checksum is computed. */
  readonly editHeader?: (header: Buffer) => void;
}

/** The offsets of the structures in the file, for tests that damage them. */
export interface BuiltVhd {
  readonly path: string;
  readonly uniqueId: Uint8Array;
  readonly fileSize: number;
  readonly footerOffset: number;
  readonly headerOffset: number;
  readonly tableOffset: number;
  /** Offset of each allocated block, with its bitmap. */
  readonly blockPositions: ReadonlyMap<number, number>;
}

const TYPE_NUMBERS = { fixed: 2, dynamic: 3, differencing: 4 } as const;
const HEADER_OFFSET = 512;
const LOCATORS_OFFSET = 0x600;
const SECTOR = 512;

/** Writes the VHD at `path`. Unwritten parts are holes, so that disks of many GiB cost nothing. */
export async function buildVhd(path: string, description: VhdDescription): Promise<BuiltVhd> {
  const handle = await open(path, 'w+');
  try {
    return description.type === 'fixed'
      ? await writeFixed(handle, path, description)
      : await writeSparse(handle, path, description);
  } finally {
    await handle.close();
  }
}

/** Bytes that look random, without zeros, the same for the same seed. */
export function patternOf(seed: number, length: number): Uint8Array {
  const key = Buffer.alloc(16);
  key.writeUInt32BE(seed >>> 0);
  const bytes = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
  for (let at = bytes.indexOf(0); at >= 0; at = bytes.indexOf(0, at)) bytes[at] = 0x5a;
  return new Uint8Array(bytes);
}

/** A unique id of 16 bytes. */
export function uniqueIdOf(seed: number): Uint8Array {
  return patternOf(seed ^ 0x1d1d1d1d, 16);
}

/** A disk with `contents` over `parent`, both truncated to `size`. The rest is zeros. */
export function diskOf(size: number, contents: readonly VhdContent[], parent?: Uint8Array): Uint8Array {
  const disk = new Uint8Array(size);
  if (parent !== undefined) disk.set(parent.subarray(0, size));
  for (const { offset, bytes } of contents) {
    if (offset < size) disk.set(bytes.subarray(0, size - offset), offset);
  }
  return disk;
}

/** Writes `bytes` at `offset` of an existing file. */
export async function patchFile(path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.write(bytes, 0, bytes.length, offset);
  } finally {
    await handle.close();
  }
}

/** A 32-bit big-endian number: an entry of a BAT. */
export function bigEndian32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

async function writeFixed(handle: FileHandle, path: string, description: VhdDescription): Promise<BuiltVhd> {
  for (const { offset, bytes } of description.contents ?? []) await writeAt(handle, offset, bytes);
  const footerOffset = description.size + (description.gapBeforeFooter ?? 0);
  const footer = makeFooter(description, 'tail');
  await writeAt(handle, footerOffset, footer.subarray(0, description.footerLength ?? SECTOR));
  return {
    path,
    uniqueId: idOf(description),
    fileSize: (await handle.stat()).size,
    footerOffset,
    headerOffset: 0,
    tableOffset: 0,
    blockPositions: new Map(),
  };
}

async function writeSparse(handle: FileHandle, path: string, description: VhdDescription): Promise<BuiltVhd> {
  const layout = layOut(description);
  const footers = description.footers ?? 'both';
  if (footers !== 'tail') await writeAt(handle, 0, makeFooter(description, 'head'));
  await writeAt(handle, HEADER_OFFSET, makeHeader(description, layout));
  for (const { offset, data } of layout.locators) await writeAt(handle, offset, data);
  await writeAt(handle, layout.tableOffset, makeTable(layout));
  for (const [block, position] of layout.positions) await writeBlock(handle, description, layout, block, position);
  await handle.truncate(layout.footerOffset);
  if (footers !== 'head') {
    const footer = makeFooter(description, 'tail');
    await writeAt(handle, layout.footerOffset, footer.subarray(0, description.footerLength ?? SECTOR));
  }
  return {
    path,
    uniqueId: idOf(description),
    fileSize: (await handle.stat()).size,
    footerOffset: layout.footerOffset,
    headerOffset: HEADER_OFFSET,
    tableOffset: layout.tableOffset,
    blockPositions: layout.positions,
  };
}

interface Layout {
  readonly blockSize: number;
  readonly bitmapLength: number;
  readonly entries: number;
  readonly tableOffset: number;
  readonly locators: readonly { readonly locator: VhdLocator; readonly offset: number; readonly data: Uint8Array }[];
  readonly positions: ReadonlyMap<number, number>;
  readonly footerOffset: number;
}

function layOut(description: VhdDescription): Layout {
  const blockSize = description.blockSize ?? 2 * 1024 * 1024;
  const bitmapLength = roundUp(Math.ceil(blockSize / SECTOR / 8), SECTOR);
  const entries = description.maxTableEntries ?? Math.ceil(description.size / blockSize);
  let end = LOCATORS_OFFSET;
  const locators = (description.parent?.locators ?? []).map((locator) => {
    const data = encodeLocator(locator);
    const offset = end;
    end += roundUp(Math.max(1, data.length), SECTOR);
    return { locator, offset, data };
  });
  const tableOffset = description.tableOffset ?? end;
  const alignment = description.dataAlignment ?? SECTOR;
  end = Math.max(end, tableOffset + roundUp(entries * 4, SECTOR));
  const positions = new Map<number, number>();
  for (const block of orderedBlocks(description, blockSize)) {
    const position = roundUp(end + bitmapLength, alignment) - bitmapLength;
    positions.set(block, position);
    end = position + bitmapLength + blockSize;
  }
  if (description.cutsLastBlock === true) end -= roundUp(description.size, blockSize) - description.size;
  return {
    blockSize,
    bitmapLength,
    entries,
    tableOffset,
    locators,
    positions,
    footerOffset: end + (description.gapBeforeFooter ?? 0),
  };
}

function orderedBlocks(description: VhdDescription, blockSize: number): readonly number[] {
  const blocks = new Set(description.allocated ?? []);
  for (const { offset, bytes } of description.contents ?? []) {
    for (let block = Math.floor(offset / blockSize); block * blockSize < offset + bytes.length; block++)
      blocks.add(block);
  }
  const ascending = [...blocks].sort((one, other) => one - other);
  return description.blockOrder?.(ascending) ?? ascending;
}

async function writeBlock(
  handle: FileHandle,
  description: VhdDescription,
  { blockSize, bitmapLength }: Layout,
  block: number,
  position: number,
): Promise<void> {
  const start = block * blockSize;
  const bitmap = new Uint8Array(bitmapLength);
  const style = description.bitmaps ?? (description.type === 'dynamic' ? 'full' : 'written');
  if (style === 'full') for (let sector = 0; sector < blockSize / SECTOR; sector++) setBit(bitmap, sector, description);
  const stale = description.staleByte ?? 0;
  if (stale !== 0) await writeAt(handle, position + bitmapLength, new Uint8Array(blockSize).fill(stale));
  for (const { offset, bytes } of description.contents ?? []) {
    const from = Math.max(offset, start);
    const to = Math.min(offset + bytes.length, start + blockSize);
    if (from >= to) continue;
    await writeAt(handle, position + bitmapLength + from - start, bytes.subarray(from - offset, to - offset));
    if (style !== 'written') continue;
    for (let at = from; at < to; at += SECTOR) setBit(bitmap, (at - start) / SECTOR, description);
  }
  await writeAt(handle, position, bitmap);
}

function setBit(bitmap: Uint8Array, sector: number, { bitOrder }: VhdDescription): void {
  const index = Math.floor(sector / 8);
  const mask = bitOrder === 'lsb-first' ? 1 << (sector % 8) : 0x80 >> (sector % 8);
  bitmap[index] = (bitmap[index] ?? 0) | mask;
}

function makeTable({ entries, positions }: Layout): Buffer {
  const table = Buffer.alloc(roundUp(entries * 4, SECTOR), 0xff);
  for (const [block, position] of positions) {
    if (block < entries) table.writeUInt32BE(position / SECTOR, block * 4);
  }
  return table;
}

function makeFooter(description: VhdDescription, copy: 'head' | 'tail'): Buffer {
  const footer = Buffer.alloc(SECTOR);
  footer.write('conectix', 0, 'latin1');
  footer.writeUInt32BE(2, 8);
  footer.writeUInt32BE(0x00010000, 12);
  footer.writeBigUInt64BE(description.type === 'fixed' ? 0xffffffffffffffffn : BigInt(HEADER_OFFSET), 16);
  footer.writeUInt32BE(description.timestamp ?? 700_000_000, 24);
  footer.write(description.creatorApplication ?? 'win ', 28, 'latin1');
  footer.writeUInt32BE(description.creatorVersion ?? 0x000a0000, 32);
  footer.write('Wi2k', 36, 'latin1');
  footer.writeBigUInt64BE(BigInt(description.size), 40);
  footer.writeBigUInt64BE(BigInt(description.size), 48);
  // The largest geometry: qemu then uses the current size.
  footer.writeUInt16BE(65535, 56);
  footer.writeUInt8(16, 58);
  footer.writeUInt8(255, 59);
  footer.writeUInt32BE(TYPE_NUMBERS[description.type], 60);
  footer.set(idOf(description), 68);
  footer.writeUInt8(description.savedState === true ? 1 : 0, 84);
  description.editFooter?.(footer, copy);
  return seal(footer, 64);
}

function makeHeader(description: VhdDescription, layout: Layout): Buffer {
  const header = Buffer.alloc(1024);
  header.write('cxsparse', 0, 'latin1');
  header.writeBigUInt64BE(0xffffffffffffffffn, 8);
  header.writeBigUInt64BE(BigInt(layout.tableOffset), 16);
  header.writeUInt32BE(0x00010000, 24);
  header.writeUInt32BE(layout.entries, 28);
  header.writeUInt32BE(layout.blockSize, 32);
  const { parent } = description;
  if (parent !== undefined) {
    header.set(parent.uniqueId, 40);
    header.writeUInt32BE(parent.timestamp ?? 0, 56);
    const { name = '' } = parent;
    const stored = typeof name === 'string' ? Buffer.from(name, 'utf16le').swap16() : name;
    header.set(stored.subarray(0, 512), 64);
  }
  for (const [index, { locator, offset, data }] of layout.locators.entries()) {
    const at = 576 + (locator.slot ?? index) * 24;
    header.write(locator.code, at, 'latin1');
    header.writeUInt32BE(locator.space ?? data.length, at + 4);
    header.writeUInt32BE(locator.length ?? data.length, at + 8);
    header.writeBigUInt64BE(BigInt(offset), at + 16);
  }
  description.editHeader?.(header);
  return seal(header, 36);
}

function encodeLocator({ code, text }: VhdLocator): Uint8Array {
  if (typeof text !== 'string') return text;
  return Buffer.from(text, code === 'MacX' ? 'utf8' : 'utf16le');
}

/** Updates the checksum of a footer (field at 64) or of a dynamic header (field at 36). */
export function seal(structure: Buffer, checksumOffset: number): Buffer {
  structure.writeUInt32BE(0, checksumOffset);
  let sum = 0;
  for (const byte of structure) sum = (sum + byte) >>> 0;
  structure.writeUInt32BE(~sum >>> 0, checksumOffset);
  return structure;
}

function idOf({ uniqueId, size, type }: VhdDescription): Uint8Array {
  return uniqueId ?? uniqueIdOf(size + TYPE_NUMBERS[type]);
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

async function writeAt(handle: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  await handle.write(bytes, 0, bytes.length, offset);
}
