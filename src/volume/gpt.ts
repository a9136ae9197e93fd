// The GUID partition table, stored at the beginning and at the end of a disk (UEFI specification 5.3).
import { crc32 } from 'node:zlib';
import type { ByteRange } from '../base/byte-range.ts';
import { bytesAt, type Disk, guidAt, textAt } from './disk.ts';

const SIGNATURE = 'EFI PART';
const HEADER_LENGTH = 92;
const MIN_ENTRY_LENGTH = 128;
const NO_TYPE = '00000000-0000-0000-0000-000000000000';

/** 1 MiB: 16 KiB is usual, for 128 entries of 128 bytes. */
const MAX_TABLE_LENGTH = 1024 * 1024;

export interface GptEntry {
  /** Partition number of Linux, from 1. */
  readonly index: number;
  /** GUID in lower case. */
  readonly type: string;
  readonly id: string;
  readonly name: string | undefined;
  /** 64 bits. The lowest three have the same meaning for all types. */
  readonly attributes: bigint;
  /** In bytes of the disk. */
  readonly range: ByteRange;
}

/** One intact copy: both of its checksums are correct. */
export interface GptCopy {
  readonly diskId: string;
  /** Offset of its header in bytes. */
  readonly offset: number;
  /** Offset of the header of the other copy in bytes, according to this copy. */
  readonly otherOffset: number;
  /** The range for partitions, in bytes. */
  readonly usable: ByteRange;
  readonly entries: readonly GptEntry[];
}

/** A copy, or its fault. `problem` follows "it cannot be used: ". `isAbsent`: nothing resembles a copy there. */
export type GptResult = { readonly copy: GptCopy } | { readonly problem: string; readonly isAbsent: boolean };

/** Reads the copy whose header is at `offset`. */
export async function readGptCopy(disk: Disk, offset: number, sectorSize: number): Promise<GptResult> {
  if (offset < sectorSize || offset + sectorSize > disk.size) {
    return { problem: `its header would be at ${offset} of ${disk.size}`, isAbsent: true };
  }
  const sector = await bytesAt(disk, offset, sectorSize);
  if (sector.toString('latin1', 0, SIGNATURE.length) !== SIGNATURE) {
    return { problem: `the signature "${SIGNATURE}" is missing at ${offset}`, isAbsent: true };
  }
  const problem = headerProblem(sector, offset, sectorSize);
  if (problem !== undefined) return { problem, isAbsent: false };
  return await readEntries(disk, sector, offset, sectorSize);
}

function headerProblem(sector: Buffer, offset: number, sectorSize: number): string | undefined {
  const length = sector.readUInt32LE(12);
  if (length < HEADER_LENGTH || length > sectorSize) {
    return `its header must have ${HEADER_LENGTH} to ${sectorSize} bytes, but has ${length}`;
  }
  const header = Buffer.from(sector.subarray(0, length));
  header.writeUInt32LE(0, 16);
  const [stored, computed] = [sector.readUInt32LE(16), crc32(header)];
  if (stored !== computed) return `the checksum of its header is ${hex(stored)}, but its bytes give ${hex(computed)}`;
  const own = sector.readBigUInt64LE(24);
  return own === BigInt(offset / sectorSize)
    ? undefined
    : `its header says that it is in sector ${own}, but it is in ${offset / sectorSize}`;
}

async function readEntries(disk: Disk, sector: Buffer, offset: number, sectorSize: number): Promise<GptResult> {
  const count = sector.readUInt32LE(80);
  const entryLength = sector.readUInt32LE(84);
  const damaged = (problem: string): GptResult => ({ problem, isAbsent: false });
  if (entryLength < MIN_ENTRY_LENGTH || entryLength % 8 !== 0 || entryLength * count > MAX_TABLE_LENGTH) {
    return damaged(
      `it has ${count} entries of ${entryLength} bytes, but vhdup reads at most ${MAX_TABLE_LENGTH} bytes`,
    );
  }
  const tableOffset = bytesOf(sector.readBigUInt64LE(72), sectorSize);
  if (tableOffset + count * entryLength > disk.size) {
    return damaged(`its entries end at ${tableOffset + count * entryLength} of ${disk.size}`);
  }
  const table = await bytesAt(disk, tableOffset, count * entryLength);
  const [stored, computed] = [sector.readUInt32LE(88), crc32(table)];
  if (stored !== computed) {
    return damaged(`the checksum of its entries is ${hex(stored)}, but their bytes give ${hex(computed)}`);
  }
  const entries: GptEntry[] = [];
  for (let at = 0; at < table.length; at += entryLength) {
    const entry = decodeEntry(table.subarray(at, at + entryLength), at / entryLength + 1, sectorSize);
    if (entry.type !== NO_TYPE) entries.push(entry);
  }
  const usable = rangeOf(sector.readBigUInt64LE(40), sector.readBigUInt64LE(48), sectorSize);
  const otherOffset = bytesOf(sector.readBigUInt64LE(32), sectorSize);
  return { copy: { diskId: guidAt(sector, 56), offset, otherOffset, usable, entries } };
}

function decodeEntry(entry: Buffer, index: number, sectorSize: number): GptEntry {
  return {
    index,
    type: guidAt(entry, 0),
    id: guidAt(entry, 16),
    name: textAt(entry, 56, 72, 'utf16le'),
    attributes: entry.readBigUInt64LE(48),
    range: rangeOf(entry.readBigUInt64LE(32), entry.readBigUInt64LE(40), sectorSize),
  };
}

/** The sectors from `first` to `last`, both inclusive. */
function rangeOf(first: bigint, last: bigint, sectorSize: number): ByteRange {
  const offset = bytesOf(first, sectorSize);
  return { offset, length: last < first ? 0 : bytesOf(last + 1n, sectorSize) - offset };
}

/** A place beyond the exact numbers is outside of every disk, so it is clipped. */
function bytesOf(sectors: bigint, sectorSize: number): number {
  const bytes = sectors * BigInt(sectorSize);
  return bytes > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(bytes);
}

function hex(checksum: number): string {
  return `0x${checksum.toString(16).padStart(8, '0')}`;
}
