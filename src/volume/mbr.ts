// The master boot record and the chain of boot records in an extended partition (UEFI specification 5.2).
import { type ByteRange, endOf } from '../base/byte-range.ts';
import { bytesAt, type Disk } from './disk.ts';
import { mbrType } from './partition-types.ts';

export const MBR_LENGTH = 512;
const BOOT_CODE_LENGTH = 440;
const SIGNATURE_OFFSET = 440;
const FIRST_ENTRY = 446;
const ENTRY_LENGTH = 16;
const ENTRIES = 4;
const BOOT_SIGNATURE = 0xaa55;

/** Logical partitions that are followed. Linux names at most 60 of them on one disk. */
const MAX_LOGICAL = 128;

export interface MbrEntry {
  /** As Linux numbers it: 1 to 4 are the slots of the MBR, logical partitions begin at 5. */
  readonly index: number;
  readonly isActive: boolean;
  readonly type: number;
  /** In bytes of the disk. */
  readonly range: ByteRange;
}

export interface Mbr {
  /** Eight hexadecimal digits. */
  readonly diskSignature: string;
  /** Whether there is code that a BIOS would run. */
  readonly hasBootCode: boolean;
  /** Whether that code is GRUB's. */
  readonly hasGrub: boolean;
  readonly entries: readonly MbrEntry[];
}

/** The MBR in the first sector of a disk, or undefined where that sector is something else: a boot sector, say, which ends alike. */
export function decodeMbr(sector: Buffer, sectorSize: number): Mbr | undefined {
  if (sector.readUInt16LE(MBR_LENGTH - 2) !== BOOT_SIGNATURE) return undefined;
  const entries: MbrEntry[] = [];
  for (let slot = 0; slot < ENTRIES; slot++) {
    const raw = entryAt(sector, slot);
    if (raw.every((byte) => byte === 0)) continue;
    if (!isPlausible(raw)) return undefined;
    entries.push(decodeEntry(raw, slot + 1, 0, sectorSize));
  }
  const code = sector.subarray(0, BOOT_CODE_LENGTH);
  return {
    diskSignature: sector.readUInt32LE(SIGNATURE_OFFSET).toString(16).padStart(8, '0'),
    hasBootCode: code.some((byte) => byte !== 0),
    hasGrub: code.includes('GRUB'),
    entries,
  };
}

/** What became of the walk through an extended partition. `problem` fits after "the extended partition is not followed further: ". */
export interface LogicalPartitions {
  readonly entries: readonly MbrEntry[];
  readonly problem?: string;
}

/** The logical partitions in `extended`, in the order of their chain. */
export async function readLogical(disk: Disk, extended: ByteRange, sectorSize: number): Promise<LogicalPartitions> {
  const entries: MbrEntry[] = [];
  const seen = new Set<number>();
  let offset = extended.offset;
  for (;;) {
    if (seen.has(offset)) return { entries, problem: `its chain comes back to ${offset}` };
    if (seen.size >= MAX_LOGICAL) return { entries, problem: `it has more than ${MAX_LOGICAL} partitions` };
    if (offset + MBR_LENGTH > Math.min(endOf(extended), disk.size)) {
      return { entries, problem: `its chain leads to ${offset}, which is outside of it` };
    }
    seen.add(offset);
    const sector = await bytesAt(disk, offset, MBR_LENGTH);
    if (sector.readUInt16LE(MBR_LENGTH - 2) !== BOOT_SIGNATURE) {
      return { entries, problem: `there is no boot record at ${offset}` };
    }
    const [own, link] = [entryAt(sector, 0), entryAt(sector, 1)];
    if (own.readUInt8(4) !== 0 && own.readUInt32LE(12) > 0) {
      entries.push(decodeEntry(own, ENTRIES + 1 + entries.length, offset, sectorSize));
    }
    if (mbrType(link.readUInt8(4)).role !== 'extended') return { entries };
    offset = extended.offset + link.readUInt32LE(8) * sectorSize;
  }
}

function entryAt(sector: Buffer, slot: number): Buffer {
  const at = FIRST_ENTRY + slot * ENTRY_LENGTH;
  return sector.subarray(at, at + ENTRY_LENGTH);
}

/** Active or not, of some type, and not empty. */
function isPlausible(entry: Buffer): boolean {
  const status = entry.readUInt8(0);
  const isUsed = entry.readUInt8(4) !== 0 && entry.readUInt32LE(8) > 0 && entry.readUInt32LE(12) > 0;
  return (status === 0 || status === 0x80) && isUsed;
}

/** Sectors count from `base` in bytes. */
function decodeEntry(entry: Buffer, index: number, base: number, sectorSize: number): MbrEntry {
  return {
    index,
    isActive: entry.readUInt8(0) === 0x80,
    type: entry.readUInt8(4),
    range: { offset: base + entry.readUInt32LE(8) * sectorSize, length: entry.readUInt32LE(12) * sectorSize },
  };
}
