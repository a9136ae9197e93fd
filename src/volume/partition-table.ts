// Reads the partition table of a disk, MBR or GPT: its intact parts, and its faults.
import { type ByteRange, endOf } from '../base/byte-range.ts';
import { decodeMbr, MBR_LENGTH, type Mbr, type MbrEntry } from '../base/mbr.ts';
import { bytesAt, type Disk } from './disk.ts';
import { type GptCopy, type GptEntry, type GptResult, readGptCopy } from './gpt.ts';
import { readLogical } from './mbr.ts';
import { gptType, mbrType, type PartitionRole } from './partition-types.ts';

export type SectorSize = 512 | 4096;

export interface Partition {
  /** Partition number of Linux, from 1. */
  readonly index: number;
  /** In bytes of the disk. It may be beyond its end, which `problems` of the table reports. */
  readonly offset: number;
  readonly length: number;
  /** GUID in lower case (GPT), or "0x83" (MBR). */
  readonly type: string;
  /** The type in words. */
  readonly typeName: string;
  readonly role: PartitionRole;
  /** Marked as bootable: for any firmware (MBR), or for a BIOS only (GPT). */
  readonly isActive: boolean;
  /** MBR: inside an extended partition. */
  readonly isLogical: boolean;
  /** GPT: GUID of the partition itself. */
  readonly id?: string;
  /** GPT: unescaped, as stored in the table. */
  readonly name?: string;
  /** GPT: 16 hexadecimal digits. */
  readonly attributes?: string;
}

/** A condition of a disk that its owner should know. */
export interface DiskProblem {
  /** Stable, kebab-case. */
  readonly code: string;
  /** A sentence. */
  readonly message: string;
}

export interface PartitionTable {
  readonly scheme: 'gpt' | 'mbr';
  /** Unit of the table's sector numbers, in bytes. */
  readonly sectorSize: SectorSize;
  /** GUID (GPT), or eight hexadecimal digits (MBR). */
  readonly diskId: string;
  readonly partitions: readonly Partition[];
  /** Whether the first sector contains code that a BIOS would run. */
  readonly hasBootCode: boolean;
  /** Whether that code is GRUB's. */
  readonly hasGrub: boolean;
  /** GPT: its MBR also has an active partition, which a BIOS can boot. */
  readonly hasActiveHybrid?: boolean;
  /** MBR: the boot records in extended partitions. */
  readonly bootRecords?: readonly ByteRange[];
  /** GPT: the range for partitions, in bytes. */
  readonly usable?: ByteRange;
  /** GPT: the actual or expected offset of the backup header, in bytes. */
  readonly backupOffset?: number;
  readonly problems: readonly DiskProblem[];
}

/** The GPT attribute "legacy BIOS bootable". */
const BIOS_BOOTABLE = 4n;

/**
 * The partition table of `disk`, or undefined if it has none.
 * @param sectorSize Sector size of the disk, if its format states it. The place of a GPT reveals it; for an MBR it is 512 unless given.
 * @throws {CorruptImageError} @throws {ImageAccessError} the image cannot be read there.
 */
export async function readPartitionTable(disk: Disk, sectorSize?: SectorSize): Promise<PartitionTable | undefined> {
  if (disk.size < MBR_LENGTH) return undefined;
  const mbr = decodeMbr(await bytesAt(disk, 0, MBR_LENGTH), { size: disk.size, sectorSize: sectorSize ?? 512 });
  const isProtective = mbr?.isProtective === true;
  // Remains of a GPT are ignored once an MBR with its own partitions was written over it.
  if (isProtective || mbr === undefined || mbr.entries.length === 0) {
    const gpt = await readGpt(disk, mbr, isProtective, sectorSize);
    if (gpt !== undefined) return gpt;
  }
  return mbr === undefined ? undefined : await mbrTable(disk, mbr, sectorSize ?? 512);
}

async function readGpt(
  disk: Disk,
  mbr: Mbr | undefined,
  isProtective: boolean,
  sectorSize: SectorSize | undefined,
): Promise<PartitionTable | undefined> {
  const sizes: readonly SectorSize[] = sectorSize === 4096 ? [4096, 512] : [512, 4096];
  let damaged: { size: SectorSize; problem: string } | undefined;
  for (const size of sizes) {
    const primary = await readGptCopy(disk, size, size);
    if ('copy' in primary) return await primaryTable(disk, mbr, isProtective, size, primary.copy);
    if (!primary.isAbsent) damaged ??= { size, problem: primary.problem };
    // Without a protective MBR, only a copy at the beginning proves that the table is not an old one.
    const backup = isProtective || !primary.isAbsent ? await readLastCopy(disk, size) : undefined;
    if (backup !== undefined && 'copy' in backup) {
      const problem = {
        code: 'gpt-primary-damaged',
        message: `The GPT at the beginning of the disk cannot be used: ${primary.problem}. Its backup at ${backup.copy.offset} is used.`,
      };
      return tableOf(disk, mbr, size, backup.copy, backup.copy.offset, [problem]);
    }
  }
  if (!isProtective) return undefined;
  const message = `The MBR says that the disk has a GPT, but no copy of it is usable${damaged === undefined ? '' : `: ${damaged.problem}`}.`;
  return {
    scheme: 'gpt',
    sectorSize: damaged?.size ?? sectorSize ?? 512,
    diskId: '00000000-0000-0000-0000-000000000000',
    partitions: [],
    hasBootCode: mbr?.hasBootCode === true,
    hasGrub: mbr?.hasGrub === true,
    problems: [{ code: 'gpt-unreadable', message }, ...oddEntries(mbr?.oddities)],
  };
}

/** The backup in the last sector of the disk, its place unless the disk was grown. */
async function readLastCopy(disk: Disk, sectorSize: SectorSize): Promise<GptResult> {
  return await readGptCopy(disk, disk.size - (disk.size % sectorSize) - sectorSize, sectorSize);
}

async function primaryTable(
  disk: Disk,
  mbr: Mbr | undefined,
  isProtective: boolean,
  sectorSize: SectorSize,
  copy: GptCopy,
): Promise<PartitionTable> {
  const problems: DiskProblem[] = [];
  if (!isProtective) {
    problems.push({
      code: 'gpt-protective-mbr-missing',
      message: 'The disk has a GPT, but no protective MBR: some programs will treat the disk as empty.',
    });
  }
  const backup = await readGptCopy(disk, copy.otherOffset, sectorSize);
  const end = disk.size - (disk.size % sectorSize) - sectorSize;
  if ('problem' in backup) {
    problems.push({
      code: 'gpt-backup-damaged',
      message: `The backup of the GPT cannot be used: ${backup.problem}. The disk may have been truncated.`,
    });
  } else if (copy.otherOffset !== end) {
    problems.push({
      code: 'gpt-backup-misplaced',
      message: `The backup of the GPT is at ${copy.otherOffset}, but the last sector of the disk is at ${end}: the disk was enlarged. Systems accept this or move the backup.`,
    });
  }
  return tableOf(disk, mbr, sectorSize, copy, copy.otherOffset, problems);
}

function tableOf(
  disk: Disk,
  mbr: Mbr | undefined,
  sectorSize: SectorSize,
  copy: GptCopy,
  backupOffset: number,
  problems: readonly DiskProblem[],
): PartitionTable {
  const partitions = copy.entries.map(gptPartition);
  const others = mbr?.entries.filter(({ type }) => mbrType(type).role !== 'protective') ?? [];
  const hybrid: DiskProblem[] =
    others.length === 0
      ? []
      : [
          {
            code: 'gpt-hybrid-mbr',
            message: `The MBR has ${others.length} ${others.length === 1 ? 'partition' : 'partitions'} besides the protective one. The partitions of the GPT are shown.`,
          },
        ];
  return {
    scheme: 'gpt',
    sectorSize,
    diskId: copy.diskId,
    partitions,
    hasBootCode: mbr?.hasBootCode === true,
    hasGrub: mbr?.hasGrub === true,
    usable: copy.usable,
    backupOffset,
    ...(others.some(({ isActive }) => isActive) ? { hasActiveHybrid: true } : {}),
    problems: [...problems, ...oddEntries(mbr?.oddities), ...hybrid, ...placeProblems(disk, partitions)],
  };
}

function oddEntries(oddities: readonly string[] = []): DiskProblem[] {
  return oddities.map((oddity) => ({ code: 'mbr-entry-odd', message: `${oddity}.` }));
}

function gptPartition({ index, type, id, name, attributes, range }: GptEntry): Partition {
  const { name: typeName, role } = gptType(type);
  return {
    index,
    ...range,
    type,
    typeName,
    role,
    isActive: (attributes & BIOS_BOOTABLE) !== 0n,
    isLogical: false,
    id,
    ...(name === undefined ? {} : { name }),
    attributes: attributes.toString(16).padStart(16, '0'),
  };
}

async function mbrTable(disk: Disk, mbr: Mbr, sectorSize: SectorSize): Promise<PartitionTable> {
  const partitions = mbr.entries.map((entry) => mbrPartition(entry, false));
  const problems = oddEntries(mbr.oddities);
  const bootRecords: ByteRange[] = [];
  for (const { range } of mbr.entries.filter(({ type }) => mbrType(type).role === 'extended')) {
    const logical = await readLogical(disk, range, sectorSize);
    partitions.push(...logical.entries.map((entry) => mbrPartition(entry, true)));
    problems.push(...oddEntries(logical.oddities));
    bootRecords.push(...logical.records.map((offset) => ({ offset, length: MBR_LENGTH })));
    if (logical.problem !== undefined) {
      const message = `The extended partition at ${range.offset} is not followed further: ${logical.problem}.`;
      problems.push({ code: 'mbr-extended-damaged', message });
    }
  }
  const { diskSignature, hasBootCode, hasGrub } = mbr;
  problems.push(...placeProblems(disk, partitions));
  const table = {
    scheme: 'mbr',
    sectorSize,
    diskId: diskSignature,
    partitions,
    hasBootCode,
    hasGrub,
    problems,
  } as const;
  return bootRecords.length === 0 ? table : { ...table, bootRecords };
}

function mbrPartition({ index, isActive, type, range }: MbrEntry, isLogical: boolean): Partition {
  const { name, role } = mbrType(type);
  const text = `0x${type.toString(16).padStart(2, '0')}`;
  return { index, ...range, type: text, typeName: name, role, isActive, isLogical };
}

/** Partitions that are empty, extend beyond the disk, or overlap. */
function placeProblems(disk: Disk, partitions: readonly Partition[]): DiskProblem[] {
  const problems: DiskProblem[] = [];
  for (const partition of partitions) {
    const { index, offset, length } = partition;
    if (length === 0) problems.push({ code: 'partition-empty', message: `Partition ${index} has no sectors.` });
    else if (endOf(partition) > disk.size) {
      const message = `Partition ${index} ends at ${offset + length}, but the disk ends at ${disk.size}: the disk was truncated, or the table belongs to another disk.`;
      problems.push({ code: 'partition-beyond-disk', message });
    }
  }
  const apart = partitions
    .filter(({ role, length }) => role !== 'extended' && length > 0)
    .sort((one, other) => one.offset - other.offset);
  for (const [position, partition] of apart.entries()) {
    const before = apart[position - 1];
    if (before === undefined || partition.offset >= endOf(before)) continue;
    const message = `Partition ${partition.index} begins at ${partition.offset}, inside partition ${before.index}, which ends at ${endOf(before)}.`;
    problems.push({ code: 'partitions-overlap', message });
  }
  return problems;
}
