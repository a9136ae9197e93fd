// One entry of a VHDX log: header, descriptors, data sectors, and the rules that make it valid (MS-VHDX 2.3.1).

import type { Crc32c } from '../../base/crc32c.ts';
import { Fields } from '../fields.ts';
import { type Guid, guidAt } from './guid.ts';
import { LOG_SECTOR, type LogSectors } from './log-sectors.ts';

const HEADER_LENGTH = 64;
const DESCRIPTOR_LENGTH = 32;

/** A log never writes to the file identifier and the headers. */
const FIRST_LOGGED_OFFSET = 192 * 1024;

/** Offsets at or beyond this do not fit in 64 bits. */
const OFFSET_LIMIT = 2 ** 64;

/** A valid entry. Offsets and lengths are bytes in the log unless stated otherwise. */
export interface LogEntry {
  readonly offset: number;
  readonly length: number;
  /** Offset of the oldest entry that must be replayed before this one. */
  readonly tail: number;
  readonly sequenceNumber: bigint;
  readonly descriptorCount: number;
  /** The minimum length of the file on disk when the entry was written. */
  readonly flushedFileOffset: bigint;
  /** All contents of the file end before this offset of the file. */
  readonly lastFileOffset: bigint;
}

/** One descriptor: a page of 4 KiB to write, or a range to fill with zeros. Offsets are bytes in the image file. */
export type LogDescriptor =
  | {
      readonly kind: 'data';
      readonly fileOffset: number;
      /** The first 8 and last 4 bytes of the page, which its data sector cannot store. */
      readonly leading: bigint;
      readonly trailing: number;
    }
  | { readonly kind: 'zero'; readonly fileOffset: number; readonly length: number };

/**
 * The entry at `offset`, or undefined if no valid entry begins there. That is no error: every log contains remains of earlier rounds.
 *
 * Stops at the first sector that cannot belong to the entry. Apart from its first sector, no sector of a valid entry can
 * begin another entry, so trying every offset of any log reads each sector at most twice.
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

/** Number of sectors of the header and the descriptors. The data sectors follow. */
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

/** Offsets of the descriptors in the descriptor sector `index` of an entry. */
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

/** A 64-bit field that must be a multiple of 4 KiB, which makes it exact as a number. */
function multipleOfSector(sector: Fields, at: number): number | undefined {
  const low = sector.u32(at);
  return low % LOG_SECTOR === 0 ? sector.u32(at + 4) * 2 ** 32 + low : undefined;
}

/** Whether the log may write there: after the headers, not to itself, and within 64 bits. */
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

/** A damaged sector makes an entry invalid and is never an error, so no message needs its place. */
function fieldsOf(sector: Uint8Array): Fields {
  return new Fields(sector, { path: '', structure: 'log sector', offset: 0 }, 'little');
}
