// The footer of a VHD, its last 512 bytes: decoding, checking, encoding (VHD specification, "Hard Disk Footer Format").

import { printable } from '../../base/printable.ts';
import { type CorruptImageError, UnsupportedImageError } from '../../errors.ts';
import { Fields } from '../fields.ts';
import { checksumOf, hex32 } from './checksum.ts';
import { type Geometry, geometryOf } from './geometry.ts';

export const FOOTER_LENGTH = 512;
export const FOOTER_COOKIE = 'conectix';

/** Values of the field Disk Type. */
export const DISK_TYPE = { fixed: 2, dynamic: 3, differencing: 4 } as const;

/** 0xFF000000 sectors, 2040 GiB: the largest dynamic or differencing disk. Fixed disks in Azure may be larger. */
export const MAX_DYNAMIC_SIZE = 0xff000000 * 512;

const CHECKSUM_OFFSET = 64;
const HIDDEN_OFFSET = 85;
/** Data Offset of a fixed disk. */
const NO_DATA_OFFSET = 0xffffffffffffffffn;

export interface VhdFooter {
  /** Offset of the dynamic header in bytes. Not used by fixed disks. */
  readonly dataOffset: bigint;
  /** Seconds since 2000-01-01T00:00:00Z. */
  readonly timestamp: number;
  /** Four characters: "win ", "qemu", "tap\0". */
  readonly creatorApplication: string;
  /** Major version in the upper 16 bits, minor in the lower ones. */
  readonly creatorVersion: number;
  /** The virtual size in bytes. */
  readonly currentSize: number;
  readonly geometry: Geometry;
  readonly diskType: number;
  /** 16 bytes. */
  readonly uniqueId: Uint8Array;
  readonly savedState: boolean;
}

export function footerFields(bytes: Uint8Array, path: string, offset: number): Fields {
  return new Fields(bytes, { path, structure: 'footer', offset }, 'big');
}

export function hasFooterCookie(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 8)).toString('latin1') === FOOTER_COOKIE;
}

/** The mismatch of the checksum in words, or undefined if it is correct. */
export function checksumProblem(fields: Fields): string | undefined {
  const stored = fields.u32(CHECKSUM_OFFSET);
  const computed = checksumOf(fields.bytes, CHECKSUM_OFFSET);
  if (stored === computed || stored === checksumBeforeHiding(fields)) return undefined;
  return `its checksum is ${hex32(stored)}, but its bytes give ${hex32(computed)}`;
}

/** blktap 0.1 and 1.1 hid a disk by setting one byte, but did not update the checksum. */
function checksumBeforeHiding(fields: Fields): number | undefined {
  const version = fields.u32(32);
  const isOldBlktap = fields.ascii(28, 4) === 'tap\0' && (version === 0x00000001 || version === 0x00010001);
  if (!isOldBlktap || fields.u8(HIDDEN_OFFSET) !== 1) return undefined;
  const shown = new Uint8Array(fields.bytes);
  shown[HIDDEN_OFFSET] = 0;
  return checksumOf(shown, CHECKSUM_OFFSET);
}

export function decodeFooter(fields: Fields): VhdFooter {
  return {
    dataOffset: fields.bigU64(16),
    timestamp: fields.u32(24),
    creatorApplication: fields.ascii(28, 4),
    creatorVersion: fields.u32(32),
    currentSize: fields.u64(48, 'current size'),
    geometry: { cylinders: fields.u16(56), heads: fields.u8(58), sectorsPerTrack: fields.u8(59) },
    diskType: fields.u32(60),
    uniqueId: new Uint8Array(fields.slice(68, 16)),
    savedState: fields.u8(84) === 1,
  };
}

/**
 * Rejects a footer whose version, disk type or size is not supported.
 * @throws {UnsupportedImageError} another major version, or a disk type other than fixed, dynamic or differencing.
 * @throws {CorruptImageError} a size that is zero, not a whole number of sectors, or too large for its type.
 */
export function checkFooter(footer: VhdFooter, fields: Fields): void {
  const path = printable(fields.location.path);
  const version = fields.u32(12);
  if (version >>> 16 !== 1) {
    throw new UnsupportedImageError(
      `Cannot read ${path}: its footer has format version ${version >>> 16}.${version & 0xffff}; vhdup reads only 1.x.`,
    );
  }
  const types: readonly number[] = Object.values(DISK_TYPE);
  if (!types.includes(footer.diskType)) {
    throw new UnsupportedImageError(
      `Cannot read ${path}: its footer has disk type ${footer.diskType}; vhdup reads fixed (2), dynamic (3) and differencing (4). Convert it with the program that wrote it.`,
    );
  }
  const { currentSize } = footer;
  if (currentSize === 0 || currentSize % 512 !== 0) {
    throw fields.corrupt(`its current size is ${currentSize} bytes, but must be a positive multiple of 512`);
  }
  if (footer.diskType !== DISK_TYPE.fixed && currentSize > MAX_DYNAMIC_SIZE) {
    throw fields.corrupt(
      `its current size is ${currentSize} bytes, but a dynamic or differencing disk holds at most ${MAX_DYNAMIC_SIZE}`,
    );
  }
}

/** The variable contents of a footer. All other fields are constant or follow from these. */
export interface FooterContents {
  /** In bytes, a multiple of 512. */
  readonly size: number;
  /** 16 bytes. */
  readonly uniqueId: Uint8Array;
  /** Seconds since 2000-01-01T00:00:00Z. */
  readonly timestamp: number;
}

/** The fields that depend on the type of the disk. */
interface FooterKind {
  readonly diskType: number;
  readonly dataOffset: bigint;
  /** Four characters. */
  readonly creatorApplication: string;
  readonly creatorVersion: number;
}

/** Encodes the footer of a fixed disk as Azure PowerShell does (VhdFooterFactory.CreateFixedDiskFooter). */
export function encodeFixedFooter(contents: FooterContents): Uint8Array {
  return encodeFooter(contents, {
    diskType: DISK_TYPE.fixed,
    dataOffset: NO_DATA_OFFSET,
    creatorApplication: 'wa\0\0',
    creatorVersion: 0x00070000,
  });
}

/**
 * Encodes the footer of a dynamic disk as Hyper-V does. Its creator has a meaning: for the disks of creators that they do not know,
 * older versions of QEMU derive the size from the geometry, and cut off the end of the disk.
 * @param dataOffset - Offset of the dynamic header.
 */
export function encodeDynamicFooter(contents: FooterContents, dataOffset: number): Uint8Array {
  return encodeFooter(contents, {
    diskType: DISK_TYPE.dynamic,
    dataOffset: BigInt(dataOffset),
    creatorApplication: 'win ',
    creatorVersion: 0x000a0000,
  });
}

function encodeFooter({ size, uniqueId, timestamp }: FooterContents, kind: FooterKind): Uint8Array {
  if (uniqueId.length !== 16) throw new RangeError(`A unique id has 16 bytes, not ${uniqueId.length}.`);
  const bytes = Buffer.alloc(FOOTER_LENGTH);
  const { cylinders, heads, sectorsPerTrack } = geometryOf(size);
  bytes.write(FOOTER_COOKIE, 0, 'latin1');
  bytes.writeUInt32BE(2, 8); // Features: the bit that is always set.
  bytes.writeUInt32BE(0x00010000, 12);
  bytes.writeBigUInt64BE(kind.dataOffset, 16);
  bytes.writeUInt32BE(timestamp, 24);
  bytes.write(kind.creatorApplication, 28, 'latin1');
  bytes.writeUInt32BE(kind.creatorVersion, 32);
  bytes.write('Wi2k', 36, 'latin1');
  bytes.writeBigUInt64BE(BigInt(size), 40);
  bytes.writeBigUInt64BE(BigInt(size), 48);
  bytes.writeUInt16BE(cylinders, 56);
  bytes.writeUInt8(heads, 58);
  bytes.writeUInt8(sectorsPerTrack, 59);
  bytes.writeUInt32BE(kind.diskType, 60);
  bytes.set(uniqueId, 68);
  bytes.writeUInt32BE(checksumOf(bytes, CHECKSUM_OFFSET), CHECKSUM_OFFSET);
  return new Uint8Array(bytes);
}

/** Whether `bytes` are a valid footer of a fixed disk of `size` bytes, from any writer. */
export function isFixedFooter(bytes: Uint8Array, size: number): boolean {
  const fields = footerFields(bytes, 'footer', 0);
  if (!hasFooterCookie(bytes) || checksumProblem(fields) !== undefined) return false;
  return fields.u32(60) === DISK_TYPE.fixed && fields.bigU64(48) === BigInt(size);
}

/** The error for a footer whose checksum does not match its bytes. */
export function damagedFooter(fields: Fields, problem: string): CorruptImageError {
  return fields.corrupt(
    `${problem}. The file may have been truncated, patched or damaged: copy it again, or repair it with the program that wrote it`,
  );
}
