// The dynamic header of a dynamic or differencing VHD, 1024 bytes (VHD specification, "Dynamic Disk Header Format").

import { decodeForeignText, plainUtf16 } from '../../base/foreign-text.ts';
import { printable } from '../../base/printable.ts';
import { CorruptImageError, UnsupportedImageError } from '../../errors.ts';
import { Fields } from '../fields.ts';
import type { ImageFile } from '../image-file.ts';
import { checksumOf, hex32 } from './checksum.ts';
import { FOOTER_LENGTH, type VhdFooter } from './footer.ts';
import { decodeLocators, type ParentLocator } from './parent-locator.ts';

export const DYNAMIC_HEADER_LENGTH = 1024;
const COOKIE = 'cxsparse';
const CHECKSUM_OFFSET = 36;
/** The field Data Offset of the header, which no version of the format uses. */
const NO_NEXT_STRUCTURE = 0xffffffffffffffffn;
const MIN_BLOCK_SIZE = 512;
/** 256 MiB; 2 MiB is usual. The block size determines how much is read for one bitmap. */
export const MAX_BLOCK_SIZE = 256 * 1024 * 1024;

export interface DynamicHeader {
  /** Offset of the header in the file, in bytes. */
  readonly offset: number;
  /** Offset of the BAT in the file, in bytes. */
  readonly tableOffset: number;
  readonly maxTableEntries: number;
  /** In bytes: a power of two. */
  readonly blockSize: number;
  /** 16 bytes; all zero for a dynamic disk. */
  readonly parentId: Uint8Array;
  /** Seconds since 2000-01-01T00:00:00Z. */
  readonly parentTimestamp: number;
  /** The path or base name that the file stores. */
  readonly parentName: string;
  readonly locators: readonly ParentLocator[];
}

/**
 * Reads and checks the dynamic header that `footer` points to.
 * @throws {CorruptImageError} the header is outside of the file, damaged, or does not match the footer.
 */
export async function readDynamicHeader(file: ImageFile, footer: VhdFooter): Promise<DynamicHeader> {
  const fields = await readFields(file, footer);
  if (fields.ascii(0, 8) !== COOKIE) {
    throw fields.corrupt(`it must begin with "${COOKIE}", but begins with "${printable(fields.ascii(0, 8))}"`);
  }
  const stored = fields.u32(CHECKSUM_OFFSET);
  const computed = checksumOf(fields.bytes, CHECKSUM_OFFSET);
  if (stored !== computed) {
    throw fields.corrupt(`its checksum is ${hex32(stored)}, but its bytes give ${hex32(computed)}`);
  }
  const header = decode(fields);
  check(header, footer, fields);
  return header;
}

async function readFields(file: ImageFile, { dataOffset }: VhdFooter): Promise<Fields> {
  // Compared as bigints: the offset may be anything up to 2^64.
  const isInside = dataOffset >= FOOTER_LENGTH && dataOffset + BigInt(DYNAMIC_HEADER_LENGTH) <= BigInt(file.size);
  if (!isInside) {
    throw new CorruptImageError(
      `Cannot read the dynamic header of ${printable(file.path)}: it must lie between ${FOOTER_LENGTH} and the end of the file at ${file.size}, but starts at ${dataOffset}. The file may have been truncated: copy it again.`,
    );
  }
  const offset = Number(dataOffset);
  const bytes = new Uint8Array(DYNAMIC_HEADER_LENGTH);
  await file.read(offset, bytes);
  return new Fields(bytes, { path: file.path, structure: 'dynamic header', offset }, 'big');
}

function decode(fields: Fields): DynamicHeader {
  return {
    offset: fields.location.offset,
    tableOffset: fields.u64(16, 'table offset'),
    maxTableEntries: fields.u32(28),
    blockSize: fields.u32(32),
    parentId: new Uint8Array(fields.slice(40, 16)),
    parentTimestamp: fields.u32(56),
    parentName: decodeParentName(fields),
    locators: decodeLocators(fields),
  };
}

/** Encodes the header of a dynamic disk. All other fields are constant, or empty without a parent. */
export function encodeDynamicHeader(
  header: Pick<DynamicHeader, 'tableOffset' | 'maxTableEntries' | 'blockSize'>,
): Uint8Array {
  const bytes = Buffer.alloc(DYNAMIC_HEADER_LENGTH);
  bytes.write(COOKIE, 0, 'latin1');
  bytes.writeBigUInt64BE(NO_NEXT_STRUCTURE, 8);
  bytes.writeBigUInt64BE(BigInt(header.tableOffset), 16);
  bytes.writeUInt32BE(0x00010000, 24);
  bytes.writeUInt32BE(header.maxTableEntries, 28);
  bytes.writeUInt32BE(header.blockSize, 32);
  bytes.writeUInt32BE(checksumOf(bytes, CHECKSUM_OFFSET), CHECKSUM_OFFSET);
  return new Uint8Array(bytes);
}

/** UTF-16, big-endian; some writers use the other byte order or 8 bits per character. Empty if absent. */
export function decodeParentName(header: Fields): string {
  const bytes = header.slice(64, 512);
  return decodeForeignText(bytes, 'utf-16be') ?? plainUtf16(bytes, 'utf-16be');
}

function check(header: DynamicHeader, footer: VhdFooter, fields: Fields): void {
  const version = fields.u32(24);
  if (version >>> 16 !== 1) {
    throw new UnsupportedImageError(
      `Cannot read ${printable(fields.location.path)}: its dynamic header has version ${version >>> 16}.${version & 0xffff}; vhdup reads only 1.x.`,
    );
  }
  const { blockSize, maxTableEntries } = header;
  const isPowerOfTwo = blockSize > 0 && (blockSize & (blockSize - 1)) === 0;
  if (!isPowerOfTwo || blockSize < MIN_BLOCK_SIZE || blockSize > MAX_BLOCK_SIZE) {
    throw fields.corrupt(
      `its block size is ${blockSize} bytes, but must be a power of two from ${MIN_BLOCK_SIZE} to ${MAX_BLOCK_SIZE}`,
    );
  }
  const blocks = Math.ceil(footer.currentSize / blockSize);
  if (maxTableEntries < blocks) {
    throw fields.corrupt(
      `its BAT has ${maxTableEntries} entries, but a disk of ${footer.currentSize} bytes in blocks of ${blockSize} needs ${blocks}`,
    );
  }
}
