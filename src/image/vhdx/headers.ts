// The file identifier and the two headers of a VHDX, of which the valid one with the higher sequence number is in force (MS-VHDX 2.2.1, 2.2.2).
import { MIB } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { CorruptImageError, UnsupportedImageError } from '../../errors.ts';
import { Fields } from '../fields.ts';
import type { ImageBytes } from '../image-bytes.ts';
import type { Crc32c } from './crc32c.ts';
import { type Guid, guidAt, ZERO_GUID } from './guid.ts';

/** The first 8 bytes of every VHDX. */
const FILE_SIGNATURE = 'vhdxfile';

/** Identifier, headers and region tables: nothing else lies in the first MiB. */
export const HEADER_SECTION_LENGTH = MIB;

const HEADER_OFFSETS = [64 * 1024, 128 * 1024];
const HEADER_LENGTH = 4096;
const SUPPORTED_VERSION = 1;
const SUPPORTED_LOG_VERSION = 0;

/** Windows writes 1 MiB. A limit, because the whole log is read to find out what in it counts. */
const MAX_LOG_LENGTH = 1024 * MIB;

/** What the active header says. */
export interface VhdxHeader {
  readonly sequenceNumber: bigint;
  /** Changes whenever the contents of the disk may change: the identity that a child remembers of its parent. */
  readonly dataWriteGuid: Guid;
  /** Undefined when the log is empty, and the file therefore consistent as it is. */
  readonly logGuid: Guid | undefined;
  /** Of the log region in the file, in bytes. A length of 0: there is no log region. */
  readonly logOffset: number;
  readonly logLength: number;
}

/** Whether `file` calls itself a VHDX. */
export async function beginsAsVhdx(file: ImageBytes): Promise<boolean> {
  return file.size >= FILE_SIGNATURE.length && (await readSignature(file)) === FILE_SIGNATURE;
}

/**
 * The active header.
 * @throws {CorruptImageError} neither header is valid, or the log is not where a log can be.
 * @throws {UnsupportedImageError} another version of the format.
 */
export async function readActiveHeader(file: ImageBytes, crc32c: Crc32c): Promise<VhdxHeader> {
  if (file.size < HEADER_SECTION_LENGTH) {
    throw new CorruptImageError(
      `Cannot read ${printable(file.path)} as a VHDX: the header section takes ${HEADER_SECTION_LENGTH} bytes, the file has ${file.size}. It was cut off.`,
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
    const problem = checkSeal(fields, crc32c);
    if (problem !== undefined) problems.push(`at ${offset} ${problem}`);
    // Disk2vhd gives both headers number 1: the first one wins then.
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

/** What is wrong with the signature or the checksum, if anything. */
function checkSeal(fields: Fields, crc32c: Crc32c): string | undefined {
  if (fields.ascii(0, 4) !== 'head') return 'there is no signature "head"';
  const stored = fields.u32(4);
  const computed = crc32c.of(fields.bytes);
  return stored === computed ? undefined : `the checksum is ${hex(stored)}, its bytes give ${hex(computed)}`;
}

function decodeHeader(fields: Fields, file: ImageBytes): VhdxHeader {
  const version = fields.u16(66);
  if (version !== SUPPORTED_VERSION) {
    throw new UnsupportedImageError(
      `Cannot read ${printable(file.path)}: VHDX version ${version}; only version 1 is read.`,
    );
  }
  const guid = guidAt(fields, 48);
  const logGuid = guid === ZERO_GUID ? undefined : guid;
  const logVersion = fields.u16(64);
  if (logGuid !== undefined && logVersion !== SUPPORTED_LOG_VERSION) {
    throw new UnsupportedImageError(
      `Cannot read ${printable(file.path)}: it was not closed cleanly and its log has version ${logVersion}; only version 0 is read. Attach the disk once to a machine that writes this version, and detach it.`,
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
      `its log must end inside the file, but ends at ${offset + length} of ${file.size}: the file was cut, copy it again`,
    );
  }
  if (length > MAX_LOG_LENGTH) {
    throw new UnsupportedImageError(
      `Cannot read ${printable(file.path)}: its log has ${length} bytes; at most ${MAX_LOG_LENGTH} are read.`,
    );
  }
}

/** A checksum as messages show it. */
export function hex(checksum: number): string {
  return `0x${checksum.toString(16).padStart(8, '0')}`;
}
