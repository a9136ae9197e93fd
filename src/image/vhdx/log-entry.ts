// One entry of a VHDX log: header, descriptors, data sectors, and the rules that make it valid (MS-VHDX 2.3.1).
import { Fields } from '../fields.ts';
import type { Crc32c } from './crc32c.ts';
import { type Guid, guidAt } from './guid.ts';
import { LOG_SECTOR, type LogSectors } from './log-sectors.ts';

const HEADER_LENGTH = 64;
const DESCRIPTOR_LENGTH = 32;

/** A log never writes to the file identifier and the headers. */
const FIRST_LOGGED_OFFSET = 192 * 1024;

/** Beyond it, an offset does not fit into the 64 bits that hold it. */
const OFFSET_LIMIT = 2 ** 64;

/** An entry that has been found valid. Offsets and lengths count bytes in the log, unless they say otherwise. */
export interface LogEntry {
  readonly offset: number;
  readonly length: number;
  /** Where the oldest entry begins that must be replayed before this one. */
  readonly tail: number;
  readonly sequenceNumber: bigint;
  readonly descriptorCount: number;
  /** The file had at least this length on the medium when the entry was written. */
  readonly flushedFileOffset: bigint;
  /** Everything that the file holds ends before this offset of the file. */
  readonly lastFileOffset: bigint;
}

/** What one descriptor says: a page of 4 KiB to write, or a range to fill with zeros. Offsets count bytes in the image file. */
export type LogDescriptor =
  | {
      readonly kind: 'data';
      readonly fileOffset: number;
      /** The bytes of the page that its data sector cannot hold: the first 8 and the last 4. */
      readonly leading: bigint;
      readonly trailing: number;
    }
  | { readonly kind: 'zero'; readonly fileOffset: number; readonly length: number };

/**
 * The entry that begins at `offset`, or undefined where none does: every log holds leftovers of earlier rounds, so that is no error.
 *
 * It gives up at the first sector that cannot belong to the entry. After its first sector, no valid entry has one that could
 * begin another entry, so trying every offset of a log, whatever is in it, looks at each sector twice at most.
 */
export async function readEntry(
  log: LogSectors,
  offset: number,
  logGuid: Guid,
  crc32c: Crc32c,
): Promise<LogEntry | undefined> {
  const first = fieldsOf(await log.at(offset));
  const entry = decodeHeader(first, offset, log, logGuid);
  if (entry === undefined) return undefined;
  const storedChecksum = first.u32(4);
  crc32c.start(first.bytes);

  const descriptorSectors = descriptorSectorsOf(entry);
  let dataSectors = 0;
  for (let index = 0; index < descriptorSectors; index++) {
    const sector = fieldsOf(await log.at(offset + index * LOG_SECTOR));
    if (index > 0) crc32c.update(sector.bytes);
    for (const at of descriptorOffsets(entry, index)) {
      const descriptor = decodeDescriptor(sector, at);
      if (descriptor === undefined || !mayWrite(descriptor, log) || sector.bigU64(at + 24) !== entry.sequenceNumber) {
        return undefined;
      }
      if (descriptor.kind === 'data') dataSectors++;
    }
  }
  if (entry.length !== (descriptorSectors + dataSectors) * LOG_SECTOR) return undefined;
  for (let index = descriptorSectors; index < descriptorSectors + dataSectors; index++) {
    const sector = fieldsOf(await log.at(offset + index * LOG_SECTOR));
    if (!isDataSectorOf(entry, sector)) return undefined;
    crc32c.update(sector.bytes);
  }
  return crc32c.value() === storedChecksum ? entry : undefined;
}

/** The descriptors of a valid entry, in order. */
export async function* descriptorsOf(log: LogSectors, entry: LogEntry): AsyncGenerator<LogDescriptor> {
  for (let index = 0; index < descriptorSectorsOf(entry); index++) {
    const sector = fieldsOf((await log.at(entry.offset + index * LOG_SECTOR)).slice());
    for (const at of descriptorOffsets(entry, index)) {
      const descriptor = decodeDescriptor(sector, at);
      if (descriptor !== undefined) yield descriptor;
    }
  }
}

/** Sectors that the header and the descriptors take. The data sectors follow. */
export function descriptorSectorsOf(entry: LogEntry): number {
  return Math.ceil((HEADER_LENGTH + entry.descriptorCount * DESCRIPTOR_LENGTH) / LOG_SECTOR);
}

function decodeHeader(first: Fields, offset: number, log: LogSectors, logGuid: Guid): LogEntry | undefined {
  if (first.ascii(0, 4) !== 'loge' || guidAt(first, 32) !== logGuid) return undefined;
  const entry = {
    offset,
    length: first.u32(8),
    tail: first.u32(12),
    sequenceNumber: first.bigU64(16),
    descriptorCount: first.u32(24),
    flushedFileOffset: first.bigU64(48),
    lastFileOffset: first.bigU64(56),
  };
  const fits =
    entry.length % LOG_SECTOR === 0 &&
    entry.length < log.length &&
    entry.tail % LOG_SECTOR === 0 &&
    entry.tail < log.length &&
    entry.sequenceNumber > 0n &&
    descriptorSectorsOf(entry) * LOG_SECTOR <= entry.length;
  return fits ? entry : undefined;
}

/** Where in the descriptor sector `index` of an entry its descriptors begin. */
function* descriptorOffsets(entry: LogEntry, index: number): Generator<number> {
  const end = Math.min(LOG_SECTOR, HEADER_LENGTH + entry.descriptorCount * DESCRIPTOR_LENGTH - index * LOG_SECTOR);
  for (let at = index === 0 ? HEADER_LENGTH : 0; at < end; at += DESCRIPTOR_LENGTH) yield at;
}

function decodeDescriptor(sector: Fields, at: number): LogDescriptor | undefined {
  const signature = sector.ascii(at, 4);
  const fileOffset = multipleOfSector(sector, at + 16);
  if (fileOffset === undefined) return undefined;
  if (signature === 'desc') {
    return { kind: 'data', fileOffset, leading: sector.bigU64(at + 8), trailing: sector.u32(at + 4) };
  }
  const length = multipleOfSector(sector, at + 8);
  return signature === 'zero' && length !== undefined ? { kind: 'zero', fileOffset, length } : undefined;
}

/** A 64-bit field that must be a multiple of 4 KiB. As such it is exact as a number, however large. */
function multipleOfSector(sector: Fields, at: number): number | undefined {
  const low = sector.u32(at);
  return low % LOG_SECTOR === 0 ? sector.u32(at + 4) * 2 ** 32 + low : undefined;
}

/** Whether the log may write there: after the headers, not into itself, not beyond what 64 bits hold. */
function mayWrite(descriptor: LogDescriptor, log: LogSectors): boolean {
  const { fileOffset } = descriptor;
  const end = fileOffset + (descriptor.kind === 'data' ? LOG_SECTOR : descriptor.length);
  const touchesLog = fileOffset < log.start + log.length && end > log.start;
  return fileOffset >= FIRST_LOGGED_OFFSET && end <= OFFSET_LIMIT && !touchesLog;
}

function isDataSectorOf(entry: LogEntry, sector: Fields): boolean {
  const sequenceNumber = (BigInt(sector.u32(4)) << 32n) | BigInt(sector.u32(LOG_SECTOR - 4));
  return sector.ascii(0, 4) === 'data' && sequenceNumber === entry.sequenceNumber;
}

/** A broken sector makes an entry invalid and never an error, so nobody will ask where these fields were. */
function fieldsOf(sector: Uint8Array): Fields {
  return new Fields(sector, { path: '', structure: 'log sector', offset: 0 }, 'little');
}
