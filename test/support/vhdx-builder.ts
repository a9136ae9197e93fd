// Builds sparse VHDX files from a description of their blocks. Options make any part unusual or wrong.
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const TIB = 1024 * GIB;

/** Offsets of the structures in every VHDX. */
export const HEADER_1 = 64 * KIB;
export const HEADER_2 = 128 * KIB;
export const REGION_TABLE_1 = 192 * KIB;
export const REGION_TABLE_2 = 256 * KIB;

/** Ids of regions and metadata items. */
export const ID = {
  bat: '2dc27766-f623-4200-9d64-115e9bfd4a08',
  metadata: '8b7ca206-4790-4b9a-b8fe-575f050f886e',
  fileParameters: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b',
  diskSize: '2fa54224-cd1b-4876-b211-5dbed83bf4b8',
  logicalSectorSize: '8141bf1d-a96f-4709-ba47-f233a8faab5f',
  physicalSectorSize: 'cda348c7-445d-4471-9cc9-e9885251c556',
  page83: 'beca12ab-b2e6-4523-93ef-c309e000c746',
  parentLocator: 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c',
  vhdxLocator: 'b04aefb7-d19e-4a81-b789-25b8e9445913',
  incompleteFile: '71cc85f0-1b69-4e28-9558-c3bf83ae75d3',
} as const;

/** Some bytes at an offset of a block. */
export interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export interface BlockSpec {
  readonly index: number;
  /** @default 6, fully present */
  readonly state?: number;
  /** The stored data; zeros elsewhere. */
  readonly pieces?: readonly Piece[];
  /** Sectors of the block whose bits are set: [first, count]. */
  readonly present?: readonly (readonly [number, number])[];
  /** In MiB. @default after everything placed before */
  readonly offsetMib?: number;
}

export interface RegionSpec {
  readonly id: string;
  readonly offset: number;
  readonly length: number;
  readonly required?: boolean;
}

export interface MetadataItem {
  readonly id: string;
  readonly bytes: Uint8Array;
  /** @default 4, required */
  readonly flags?: number;
  /** From the start of the region. @default after the previous item */
  readonly offset?: number;
  /** @default the length of `bytes` */
  readonly length?: number;
}

export interface HeaderSpec {
  readonly sequence?: bigint;
  readonly logGuid?: string;
  readonly logVersion?: number;
  readonly version?: number;
  readonly logOffset?: number;
  readonly logLength?: number;
  readonly dataWriteGuid?: string;
  /** Makes the checksum of the header wrong. */
  readonly broken?: boolean;
}

export interface VhdxSpec {
  /** Virtual size. */
  readonly size: number;
  /** @default 1 MiB */
  readonly blockSize?: number;
  readonly logicalSectorSize?: 512 | 4096;
  readonly leaveBlocksAllocated?: boolean;
  /** In this order in the file. Blocks that are not here are not present. */
  readonly blocks?: readonly BlockSpec[];
  /** Sector bitmap blocks come before the payload blocks. @default false */
  readonly bitmapsFirst?: boolean;
  readonly logLength?: number;
  readonly dataWriteGuid?: string;
  readonly page83?: string;
  /** Makes it a differencing disk. The pairs of its parent locator. */
  readonly parent?: Readonly<Record<string, string>>;
  readonly locatorType?: string;
  /** Header 1 and header 2. By default number 1 and number 2, so the second is active. */
  readonly headers?: readonly [HeaderSpec, HeaderSpec];
  readonly extraRegions?: readonly RegionSpec[];
  readonly extraItems?: readonly MetadataItem[];
  /** Instead of the items that the other fields give. */
  readonly items?: (standard: MetadataItem[]) => MetadataItem[];
  readonly batLength?: number;
  /** Raw BAT entries that replace those of the blocks, by index in the table. */
  readonly batEntries?: ReadonlyMap<number, bigint>;
  /** Bytes that the file is longer than its last structure, or shorter if negative. @default 0 */
  readonly extraLength?: number;
}

/** The offsets of the structures in a built file. */
export interface VhdxLayout {
  readonly path: string;
  readonly fileLength: number;
  readonly log: { readonly offset: number; readonly length: number };
  readonly metadata: { readonly offset: number; readonly length: number };
  readonly bat: { readonly offset: number; readonly length: number };
  readonly blocks: ReadonlyMap<number, number>;
  /** By chunk. */
  readonly bitmaps: ReadonlyMap<number, number>;
  readonly chunkRatio: number;
  readonly dataWriteGuid: string;
}

let guidCount = 0;

/** A unique GUID, the same in each run. */
export function nextGuid(): string {
  guidCount++;
  return `11223344-5566-7788-99aa-${guidCount.toString(16).padStart(12, '0')}`;
}

/** The bytes of a GUID in a VHDX. */
export function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

/** Varied bytes that differ from zeros and from those of other seeds. */
export function pattern(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = (state >>> 24) | 1;
  }
  return bytes;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) * 0x82f63b78);
  return value >>> 0;
});

/** CRC-32C, implemented independently of the code under test. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = ((crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0)) >>> 0;
  return (crc ^ 0xffffffff) >>> 0;
}

/** Writes the checksum of a structure into its bytes 4 to 7. */
export function seal(structure: Buffer): Buffer {
  structure.writeUInt32LE(0, 4);
  structure.writeUInt32LE(crc32c(structure), 4);
  return structure;
}

/** Overwrites bytes of a file. */
export function patchFile(path: string, offset: number, bytes: Uint8Array): void {
  const fd = openSync(path, 'r+');
  try {
    writeSync(fd, bytes, 0, bytes.length, offset);
  } finally {
    closeSync(fd);
  }
}

export function readBytes(path: string, offset: number, length: number): Buffer {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(length);
    readSync(fd, bytes, 0, length, offset);
    return bytes;
  } finally {
    closeSync(fd);
  }
}

/** Changes a structure in place and updates its checksum. */
export function editSealed(path: string, offset: number, length: number, edit: (structure: Buffer) => void): void {
  const structure = readBytes(path, offset, length);
  edit(structure);
  patchFile(path, offset, seal(structure));
}

/** Writes the file and returns the offsets of its structures. */
export function buildVhdx(path: string, spec: VhdxSpec): VhdxLayout {
  const blockSize = spec.blockSize ?? MIB;
  const sectorSize = spec.logicalSectorSize ?? 512;
  const blocks = spec.blocks ?? [];
  const blockCount = Math.ceil(spec.size / blockSize);
  const chunkRatio = (8 * MIB * sectorSize) / blockSize;
  const dataWriteGuid = spec.dataWriteGuid ?? nextGuid();
  const entryCount =
    spec.parent === undefined
      ? blockCount + Math.floor((blockCount - 1) / chunkRatio)
      : Math.ceil(blockCount / chunkRatio) * (chunkRatio + 1);

  let end = MIB;
  const allot = (length: number): number => {
    const offset = end;
    end += Math.ceil(length / MIB) * MIB;
    return offset;
  };
  const logLength = spec.logLength ?? MIB;
  const log = { offset: allot(logLength), length: logLength };
  const metadata = { offset: allot(MIB), length: MIB };
  const batLength = spec.batLength ?? Math.ceil((entryCount * 8) / MIB) * MIB;
  const bat = { offset: allot(batLength), length: batLength };

  const bitmaps = new Map<number, number>();
  const chunks = new Set(
    blocks.filter((block) => block.present !== undefined).map((block) => Math.floor(block.index / chunkRatio)),
  );
  const allotBitmaps = (): void => {
    for (const chunk of chunks) bitmaps.set(chunk, allot(MIB));
  };
  if (spec.bitmapsFirst === true) allotBitmaps();
  const places = new Map<number, number>();
  for (const { index, offsetMib, state = 6 } of blocks) {
    if (offsetMib !== undefined) {
      places.set(index, offsetMib * MIB);
      end = Math.max(end, offsetMib * MIB + blockSize);
    } else if (state === 6 || state === 7) places.set(index, allot(blockSize));
  }
  if (spec.bitmapsFirst !== true) allotBitmaps();

  const fileLength = end + (spec.extraLength ?? 0);
  const fd = openSync(path, 'w+');
  const write = (offset: number, bytes: Uint8Array): void => {
    writeSync(fd, bytes, 0, bytes.length, offset);
  };
  try {
    ftruncateSync(fd, fileLength);
    write(0, Buffer.concat([Buffer.from('vhdxfile'), Buffer.from('vhdup test builder', 'utf16le')]));
    const [first, second] = spec.headers ?? [{}, {}];
    const common = { logOffset: log.offset, logLength: log.length, dataWriteGuid };
    write(HEADER_1, encodeHeader({ sequence: 1n, ...common, ...first }));
    write(HEADER_2, encodeHeader({ sequence: 2n, ...common, ...second }));
    const table = encodeRegionTable([
      { id: ID.bat, ...bat, required: true },
      { id: ID.metadata, ...metadata, required: true },
      ...(spec.extraRegions ?? []),
    ]);
    write(REGION_TABLE_1, table);
    write(REGION_TABLE_2, table);

    const standard = standardItems(spec, blockSize, sectorSize);
    for (const { offset, bytes } of encodeMetadata([
      ...(spec.items?.(standard) ?? standard),
      ...(spec.extraItems ?? []),
    ])) {
      write(metadata.offset + offset, bytes);
    }

    const writeEntry = (entry: number, value: bigint): void => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(value);
      write(bat.offset + entry * 8, bytes);
    };
    for (const { index, state = 6, pieces = [], present = [] } of blocks) {
      const offset = places.get(index) ?? 0;
      writeEntry(index + Math.floor(index / chunkRatio), BigInt(state) | BigInt(offset));
      for (const { at, bytes } of pieces) write(offset + at, bytes);
      const chunk = Math.floor(index / chunkRatio);
      for (const [sector, count] of present) {
        setBits(fd, bitmaps.get(chunk) ?? 0, ((index % chunkRatio) * blockSize) / sectorSize + sector, count);
      }
    }
    for (const [chunk, offset] of bitmaps) writeEntry(chunk * (chunkRatio + 1) + chunkRatio, 6n | BigInt(offset));
    for (const [entry, value] of spec.batEntries ?? []) writeEntry(entry, value);
  } finally {
    closeSync(fd);
  }
  return { path, fileLength, log, metadata, bat, blocks: places, bitmaps, chunkRatio, dataWriteGuid };
}

/** Sets bits of a bitmap in the file, the lowest of a byte first. */
function setBits(fd: number, offset: number, first: number, count: number): void {
  const start = Math.floor(first / 8);
  const bytes = Buffer.alloc(Math.ceil((first + count) / 8) - start);
  readSync(fd, bytes, 0, bytes.length, offset + start);
  for (let bit = first; bit < first + count; bit++) {
    const index = (bit >>> 3) - start;
    bytes[index] = (bytes[index] ?? 0) | (1 << (bit & 7));
  }
  writeSync(fd, bytes, 0, bytes.length, offset + start);
}

export function encodeHeader(spec: HeaderSpec): Buffer {
  const header = Buffer.alloc(4096);
  header.write('head', 0, 'latin1');
  header.writeBigUInt64LE(spec.sequence ?? 1n, 8);
  guidBytes(nextGuid()).copy(header, 16);
  if (spec.dataWriteGuid !== undefined) guidBytes(spec.dataWriteGuid).copy(header, 32);
  if (spec.logGuid !== undefined) guidBytes(spec.logGuid).copy(header, 48);
  header.writeUInt16LE(spec.logVersion ?? 0, 64);
  header.writeUInt16LE(spec.version ?? 1, 66);
  header.writeUInt32LE(spec.logLength ?? 0, 68);
  header.writeBigUInt64LE(BigInt(spec.logOffset ?? 0), 72);
  seal(header);
  if (spec.broken === true) header.writeUInt8(header.readUInt8(4) ^ 1, 4);
  return header;
}

export function encodeRegionTable(regions: readonly RegionSpec[]): Buffer {
  const table = Buffer.alloc(64 * KIB);
  table.write('regi', 0, 'latin1');
  table.writeUInt32LE(regions.length, 8);
  for (const [index, { id, offset, length, required }] of regions.entries()) {
    const at = 16 + index * 32;
    guidBytes(id).copy(table, at);
    table.writeBigUInt64LE(BigInt(offset), at + 16);
    table.writeUInt32LE(length, at + 24);
    table.writeUInt32LE(required === true ? 1 : 0, at + 28);
  }
  return seal(table);
}

function standardItems(spec: VhdxSpec, blockSize: number, sectorSize: number): MetadataItem[] {
  const flags = (spec.leaveBlocksAllocated === true ? 1 : 0) | (spec.parent === undefined ? 0 : 2);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(spec.size));
  const items: MetadataItem[] = [
    { id: ID.fileParameters, bytes: u32s(blockSize, flags) },
    { id: ID.diskSize, bytes: size, flags: 6 },
    { id: ID.logicalSectorSize, bytes: u32s(sectorSize), flags: 6 },
    { id: ID.physicalSectorSize, bytes: u32s(4096), flags: 6 },
    { id: ID.page83, bytes: guidBytes(spec.page83 ?? nextGuid()), flags: 6 },
  ];
  if (spec.parent !== undefined) {
    items.push({ id: ID.parentLocator, bytes: encodeLocator(spec.parent, spec.locatorType) });
  }
  return items;
}

export function u32s(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return bytes;
}

export function encodeLocator(pairs: Readonly<Record<string, string>>, type: string = ID.vhdxLocator): Buffer {
  const entries = Object.entries(pairs);
  const head = Buffer.alloc(20 + entries.length * 12);
  guidBytes(type).copy(head);
  head.writeUInt16LE(entries.length, 18);
  const texts: Buffer[] = [];
  let end = head.length;
  const append = (text: string): { offset: number; length: number } => {
    const bytes = Buffer.from(text, 'utf16le');
    texts.push(bytes);
    end += bytes.length;
    return { offset: end - bytes.length, length: bytes.length };
  };
  for (const [index, [key, value]] of entries.entries()) {
    const at = 20 + index * 12;
    const [keyPlace, valuePlace] = [append(key), append(value)];
    head.writeUInt32LE(keyPlace.offset, at);
    head.writeUInt32LE(valuePlace.offset, at + 4);
    head.writeUInt16LE(keyPlace.length, at + 8);
    head.writeUInt16LE(valuePlace.length, at + 10);
  }
  return Buffer.concat([head, ...texts]);
}

function encodeMetadata(items: readonly MetadataItem[]): { offset: number; bytes: Uint8Array }[] {
  const table = Buffer.alloc(64 * KIB);
  table.write('metadata', 0, 'latin1');
  table.writeUInt16LE(items.length, 10);
  const parts: { offset: number; bytes: Uint8Array }[] = [{ offset: 0, bytes: table }];
  let end = table.length;
  for (const [index, item] of items.entries()) {
    const at = 32 + index * 32;
    const offset = item.offset ?? end;
    guidBytes(item.id).copy(table, at);
    table.writeUInt32LE(offset, at + 16);
    table.writeUInt32LE(item.length ?? item.bytes.length, at + 20);
    table.writeUInt32LE(item.flags ?? 4, at + 24);
    if (item.offset === undefined) end += item.bytes.length;
    if (offset + item.bytes.length <= MIB) parts.push({ offset, bytes: item.bytes });
  }
  return parts;
}
