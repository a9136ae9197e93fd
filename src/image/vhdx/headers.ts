// The file identifier and the two headers of a VHDX. The valid header with the higher sequence number is active (MS-VHDX 2.2.1, 2.2.2).
import { type ByteRange, MIB } from '../../base/byte-range.ts';
import type { Crc32c } from '../../base/crc32c.ts';
import { printable } from '../../base/printable.ts';
import { CorruptImageError, UnsupportedImageError } from '../../errors.ts';
import type { PlacedBytes } from '../block-layout.ts';
import { Fields } from '../fields.ts';
import type { ImageBytes } from '../image-bytes.ts';
import { type Guid, guidAt, guidBytes, ZERO_GUID } from './guid.ts';

/** The first 8 bytes of every VHDX. */
const FILE_SIGNATURE = 'vhdxfile';
/** The signature, and up to 256 UTF-16 characters that name the creator. */
const IDENTIFIER_LENGTH = FILE_SIGNATURE.length + 512;

/** The first MiB contains only the identifier, the headers and the region tables. */
export const HEADER_SECTION_LENGTH = MIB;

const HEADER_OFFSETS = [64 * 1024, 128 * 1024];
const HEADER_LENGTH = 4096;
const SIGNATURE = 'head';
const SUPPORTED_VERSION = 1;
const SUPPORTED_LOG_VERSION = 0;

/** Windows writes 1 MiB. Limited, because the whole log is read to find its active sequence. */
const MAX_LOG_LENGTH = 1024 * MIB;

/** The contents of the active header. */
export interface VhdxHeader {
  readonly sequenceNumber: bigint;
  /** Changes whenever the contents of the disk may change. A child records it to identify its parent. */
  readonly dataWriteGuid: Guid;
  /** Undefined if the log is empty, so that the file is consistent without a replay. */
  readonly logGuid: Guid | undefined;
  /** Offset of the log region in the file, in bytes. A length of 0 means that there is no log region. */
  readonly logOffset: number;
  readonly logLength: number;
}

/** Whether `file` begins with the VHDX signature. */
export async function beginsAsVhdx(file: ImageBytes): Promise<boolean> {
  return file.size >= FILE_SIGNATURE.length && (await readSignature(file)) === FILE_SIGNATURE;
}

/**
 * Reads the active header.
 * @throws {CorruptImageError} neither header is valid, or the place of the log is impossible.
 * @throws {UnsupportedImageError} the file has another version of the format.
 */
export async function readActiveHeader(file: ImageBytes, crc32c: Crc32c): Promise<VhdxHeader> {
  if (file.size < HEADER_SECTION_LENGTH) {
    throw new CorruptImageError(
      `Cannot read ${printable(file.path)} as a VHDX: the header section needs ${HEADER_SECTION_LENGTH} bytes, but the file has ${file.size}. It was truncated: copy it again.`,
    );
  }
  const found = await readSignature(file);
  if (found !== FILE_SIGNATURE) {
    throw new UnsupportedImageError(
      `Cannot read ${printable(file.path)} as a VHDX: it must begin with "${FILE_SIGNATURE}", but begins with "${printable(found)}".`,
    );
  }
  let active: Fields | undefined;
  const problems: string[] = [];
  for (const offset of HEADER_OFFSETS) {
    const fields = await readHeader(file, offset);
    const problem = problemOf(fields, crc32c);
    if (problem !== undefined) problems.push(`at ${offset} ${problem}`);
    // Disk2vhd gives both headers number 1; the first one wins then.
    else if (active === undefined || fields.bigU64(8) > active.bigU64(8)) active = fields;
  }
  if (active === undefined) {
    throw new CorruptImageError(
      `Cannot read ${printable(file.path)}: neither of its two headers is valid (${problems.join('; ')}).`,
    );
  }
  return decodeHeader(active, file);
}

async function readSignature(file: ImageBytes): Promise<string> {
  const bytes = Buffer.alloc(FILE_SIGNATURE.length);
  await file.read(0, bytes);
  return bytes.toString('latin1');
}

async function readHeader(file: ImageBytes, offset: number): Promise<Fields> {
  const bytes = new Uint8Array(HEADER_LENGTH);
  await file.read(offset, bytes);
  return new Fields(bytes, { path: file.path, structure: 'header', offset }, 'little');
}

/** The fault of the signature or the checksum, or undefined. */
function problemOf(fields: Fields, crc32c: Crc32c): string | undefined {
  if (fields.ascii(0, 4) !== SIGNATURE) return `the signature "${SIGNATURE}" is missing`;
  const stored = fields.u32(4);
  const computed = crc32c.of(fields.bytes);
  return stored === computed ? undefined : `the checksum is ${hex(stored)}, but its bytes give ${hex(computed)}`;
}

function decodeHeader(fields: Fields, file: ImageBytes): VhdxHeader {
  const version = fields.u16(66);
  if (version !== SUPPORTED_VERSION) {
    throw new UnsupportedImageError(
      `Cannot read ${printable(file.path)}: it has VHDX version ${version}; vhdup reads only version 1.`,
    );
  }
  const guid = guidAt(fields, 48);
  const logGuid = guid === ZERO_GUID ? undefined : guid;
  const logVersion = fields.u16(64);
  if (logGuid !== undefined && logVersion !== SUPPORTED_LOG_VERSION) {
    throw new UnsupportedImageError(
      `Cannot read ${printable(file.path)}: it was not closed cleanly and its log has version ${logVersion}; vhdup reads only version 0. Attach the disk once to a machine that supports this version, and detach it.`,
    );
  }
  const logLength = fields.u32(68);
  const logOffset = logLength === 0 ? 0 : fields.u64(72, 'log offset');
  if (logLength === 0 && logGuid !== undefined) {
    throw fields.corrupt(`it names the log ${logGuid}, but the log has a length of 0`);
  }
  if (logLength > 0) checkLogRegion(fields, logOffset, logLength, file);
  return { sequenceNumber: fields.bigU64(8), dataWriteGuid: guidAt(fields, 32), logGuid, logOffset, logLength };
}

function checkLogRegion(fields: Fields, offset: number, length: number, file: ImageBytes): void {
  if (offset % MIB !== 0 || length % MIB !== 0) {
    throw fields.corrupt(`its log must consist of whole MiBs, but has ${length} bytes at ${offset}`);
  }
  if (offset < HEADER_SECTION_LENGTH) {
    throw fields.corrupt(`its log must begin after the first MiB, but begins at ${offset}`);
  }
  if (offset + length > file.size) {
    throw fields.corrupt(
      `its log must end inside the file, but ends at ${offset + length} of ${file.size}: the file was truncated, copy it again`,
    );
  }
  if (length > MAX_LOG_LENGTH) {
    throw new UnsupportedImageError(
      `Cannot read ${printable(file.path)}: its log has ${length} bytes; vhdup reads at most ${MAX_LOG_LENGTH}.`,
    );
  }
}

/** The contents of a new file's headers. */
export interface NewHeaders {
  readonly fileWriteGuid: Guid;
  readonly dataWriteGuid: Guid;
  /** The place of the log, which is empty. */
  readonly log: ByteRange;
  /** The program that writes the file. */
  readonly creator: string;
}

/** Encodes the file identifier and both headers. The second header is the active one. */
export function encodeHeaders(
  { fileWriteGuid, dataWriteGuid, log, creator }: NewHeaders,
  crc32c: Crc32c,
): PlacedBytes[] {
  const identifier = Buffer.alloc(IDENTIFIER_LENGTH);
  identifier.write(FILE_SIGNATURE, 0, 'latin1');
  identifier.write(creator, FILE_SIGNATURE.length, 'utf16le');
  const headers = HEADER_OFFSETS.map((offset, index) => {
    const bytes = Buffer.alloc(HEADER_LENGTH);
    bytes.write(SIGNATURE, 0, 'latin1');
    bytes.writeBigUInt64LE(BigInt(index + 1), 8);
    bytes.set(guidBytes(fileWriteGuid), 16);
    bytes.set(guidBytes(dataWriteGuid), 32);
    bytes.set(guidBytes(ZERO_GUID), 48);
    bytes.writeUInt16LE(SUPPORTED_LOG_VERSION, 64);
    bytes.writeUInt16LE(SUPPORTED_VERSION, 66);
    bytes.writeUInt32LE(log.length, 68);
    bytes.writeBigUInt64LE(BigInt(log.offset), 72);
    return { offset, bytes: crc32c.seal(bytes) };
  });
  return [...headers, { offset: 0, bytes: identifier }];
}

/** A checksum in the notation of messages. */
export function hex(checksum: number): string {
  return `0x${checksum.toString(16).padStart(8, '0')}`;
}
