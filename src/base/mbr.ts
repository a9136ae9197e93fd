// Decodes the master boot record in the first sector of a disk (UEFI specification 5.2).
import { type ByteRange, endOf } from './byte-range.ts';

export const MBR_LENGTH = 512;
const BOOT_CODE_LENGTH = 440;
const SIGNATURE_OFFSET = 440;
const FIRST_ENTRY = 446;
const ENTRY_LENGTH = 16;
const ENTRIES = 4;
const BOOT_SIGNATURE = 0xaa55;
const ACTIVE = 0x80;
const PROTECTIVE = 0xee;

export interface MbrEntry {
  /** Partition number of Linux: 1 to 4 are the slots of the MBR, logical partitions start at 5. */
  readonly index: number;
  readonly isActive: boolean;
  readonly type: number;
  /** In bytes of the disk. It may be beyond its end. */
  readonly range: ByteRange;
}

export interface Mbr {
  /** Eight hexadecimal digits. */
  readonly diskSignature: string;
  /** Whether the sector contains code that a BIOS would run. */
  readonly hasBootCode: boolean;
  /** Whether that code is GRUB's. */
  readonly hasGrub: boolean;
  /** Whether any entry, even an invalid one, says that the disk has a GPT. */
  readonly isProtective: boolean;
  /** The entries that describe a partition. */
  readonly entries: readonly MbrEntry[];
  /** Sentences without a full stop about unusual entries. Entries that describe no partition are not in `entries`. */
  readonly oddities: readonly string[];
}

/** The disk that the entries are compared with, in bytes. */
export interface MbrDisk {
  readonly size: number;
  readonly sectorSize: number;
}

/**
 * The MBR in the first sector of a disk, or undefined if the sector is something else, such as the boot sector of a file system,
 * which has the same signature but code or text in place of the entries. One unusual entry does not hide the others.
 */
export function decodeMbr(sector: Buffer, disk: MbrDisk): Mbr | undefined {
  if (!hasBootSignature(sector)) return undefined;
  const slots = slotsOf(sector).map((raw, slot) => decodeSlot(raw, slot + 1, 0, disk.sectorSize));
  const used = slots.filter((slot) => slot !== undefined);
  if (!areEntries(used, isBootSector(sector), disk)) return undefined;
  const code = sector.subarray(0, BOOT_CODE_LENGTH);
  return {
    diskSignature: sector.readUInt32LE(SIGNATURE_OFFSET).toString(16).padStart(8, '0'),
    hasBootCode: code.some((byte) => byte !== 0),
    hasGrub: code.includes('GRUB'),
    isProtective: used.some(({ entry }) => entry.type === PROTECTIVE),
    entries: used.filter(({ isPartition }) => isPartition).map(({ entry }) => entry),
    oddities: used.flatMap(({ oddity, entry }) =>
      oddity === undefined ? [] : [`Entry ${entry.index} of the MBR ${oddity}`],
    ),
  };
}

/** Whether `mbr` has a partition that begins on a disk of `size` bytes, which proves that a raw file is a disk. */
export function hasPartitionOn({ entries }: Mbr, size: number): boolean {
  return entries.some(({ range }) => range.offset < size);
}

/** The contents of a boot record in an extended partition. */
export interface ExtendedRecord {
  readonly partitions: readonly MbrEntry[];
  /** Place of the next record, in sectors from the beginning of the extended partition; undefined at the end of the chain. */
  readonly next: number | undefined;
  readonly oddities: readonly string[];
}

/**
 * The boot record at `offset` of an extended partition, or undefined if there is none. As in Linux, the partitions and the link
 * may be in any slot. A link without sectors ends the chain.
 * @param index - Number of its first partition.
 */
export function decodeExtendedRecord(
  sector: Buffer,
  { index, offset, sectorSize }: { readonly index: number; readonly offset: number; readonly sectorSize: number },
): ExtendedRecord | undefined {
  if (!hasBootSignature(sector)) return undefined;
  const slots = slotsOf(sector).map((raw) => decodeSlot(raw, index, offset, sectorSize));
  const used = slots.filter((slot) => slot !== undefined);
  const own = used.filter(({ isPartition, entry }) => isPartition && !isExtended(entry.type));
  const link = used.find(({ entry }) => isExtended(entry.type) && entry.range.length > 0);
  const odd = used.filter(({ entry, oddity }) => oddity !== undefined && !isExtended(entry.type));
  return {
    partitions: own.map(({ entry }, position) => ({ ...entry, index: index + position })),
    next: link === undefined ? undefined : (link.entry.range.offset - offset) / sectorSize,
    oddities: odd.map(({ oddity }) => `An entry of the boot record at ${offset} ${oddity}`),
  };
}

function isExtended(type: number): boolean {
  return [0x05, 0x0f, 0x85].includes(type);
}

interface Slot {
  readonly entry: MbrEntry;
  /** Whether the entry describes a range of sectors of some type. */
  readonly isPartition: boolean;
  readonly hasGoodFlag: boolean;
  /** Follows "Entry 2 of the MBR ". */
  readonly oddity: string | undefined;
}

function hasBootSignature(sector: Buffer): boolean {
  return sector.readUInt16LE(MBR_LENGTH - 2) === BOOT_SIGNATURE;
}

function slotsOf(sector: Buffer): Buffer[] {
  return Array.from({ length: ENTRIES }, (_, slot) => {
    const at = FIRST_ENTRY + slot * ENTRY_LENGTH;
    return sector.subarray(at, at + ENTRY_LENGTH);
  });
}

/** Undefined for a slot of zeros. Sectors count from `base`, in bytes. Cylinder, head and sector values are ignored. */
function decodeSlot(raw: Buffer, index: number, base: number, sectorSize: number): Slot | undefined {
  if (raw.every((byte) => byte === 0)) return undefined;
  const [flag, type] = [raw.readUInt8(0), raw.readUInt8(4)];
  const [first, count] = [raw.readUInt32LE(8), raw.readUInt32LE(12)];
  const entry: MbrEntry = {
    index,
    isActive: flag === ACTIVE,
    type,
    range: { offset: base + first * sectorSize, length: count * sectorSize },
  };
  const hasGoodFlag = flag === 0 || flag === ACTIVE;
  const isPartition = type !== 0 && first > 0 && count > 0;
  return { entry, isPartition, hasGoodFlag, oddity: oddityOf({ flag, type, first, count }) };
}

function oddityOf(raw: { flag: number; type: number; first: number; count: number }): string | undefined {
  const { flag, type, first, count } = raw;
  if (type === 0) {
    return first === 0 && count === 0
      ? 'is unused (type 0x00) but not empty: it is ignored'
      : `has type 0x00 (unused) but ${count} sectors from sector ${first} on: it is ignored`;
  }
  if (count === 0) return `has type ${hex(type)} but no sectors: it is ignored`;
  if (first === 0) return `has type ${hex(type)} but begins in sector 0, the place of the table itself: it is ignored`;
  return flag === 0 || flag === ACTIVE
    ? undefined
    : `has the boot flag ${hex(flag)}, but 0x00 or 0x80 is required: Linux ignores the whole table`;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}

/** Whether the slots contain entries of a table, and not the code or text of a boot sector. */
function areEntries(used: readonly Slot[], inBootSector: boolean, disk: MbrDisk): boolean {
  if (used.every(({ hasGoodFlag, isPartition }) => hasGoodFlag && isPartition)) return true;
  if (inBootSector) return false;
  if (used.every(({ hasGoodFlag }) => hasGoodFlag)) return true;
  // Random bytes rarely describe a range on the disk.
  return used.some(({ isPartition, hasGoodFlag, entry: { range } }) => {
    return isPartition && (hasGoodFlag ? range.offset < disk.size : endOf(range) <= disk.size);
  });
}

/** Recognises a boot sector of FAT, NTFS or exFAT by the parameters after its first jump. */
function isBootSector(sector: Buffer): boolean {
  const name = sector.toString('latin1', 3, 11);
  if (name === 'NTFS    ' || name === 'EXFAT   ' || name === '-FVE-FS-') return true;
  const media = sector.readUInt8(21);
  return (
    [0xeb, 0xe9].includes(sector.readUInt8(0)) &&
    [512, 1024, 2048, 4096].includes(sector.readUInt16LE(11)) &&
    sector.readUInt8(13) > 0 &&
    sector.readUInt16LE(14) > 0 &&
    (media === 0xf0 || media >= 0xf8)
  );
}
