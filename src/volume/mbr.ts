// The chain of boot records in an extended partition (UEFI specification 5.2).
import { type ByteRange, endOf } from '../base/byte-range.ts';
import { decodeExtendedRecord, MBR_LENGTH, type MbrEntry } from '../base/mbr.ts';
import { bytesAt, type Disk } from './disk.ts';

/** Logical partitions followed at most. Linux names up to 60 on one disk. */
const MAX_LOGICAL = 128;
/** Number of the first logical partition in Linux. */
const FIRST_LOGICAL = 5;

/** The result of following an extended partition. `problem` follows "the extended partition is not followed further: ". */
export interface LogicalPartitions {
  readonly entries: readonly MbrEntry[];
  readonly oddities: readonly string[];
  /** Offsets of the boot records in the chain, in bytes of the disk. */
  readonly records: readonly number[];
  readonly problem?: string;
}

/** The logical partitions in `extended`, in chain order. */
export async function readLogical(disk: Disk, extended: ByteRange, sectorSize: number): Promise<LogicalPartitions> {
  const entries: MbrEntry[] = [];
  const oddities: string[] = [];
  const seen = new Set<number>();
  let offset = extended.offset;
  const found = (problem?: string): LogicalPartitions => {
    return { entries, oddities, records: [...seen], ...(problem === undefined ? {} : { problem }) };
  };
  for (;;) {
    if (seen.has(offset)) return found(`its chain loops back to ${offset}`);
    if (seen.size >= MAX_LOGICAL) return found(`it has more than ${MAX_LOGICAL} partitions`);
    if (offset + MBR_LENGTH > Math.min(endOf(extended), disk.size)) {
      return found(`its chain leads to ${offset}, which is outside of it`);
    }
    seen.add(offset);
    const sector = await bytesAt(disk, offset, MBR_LENGTH);
    const record = decodeExtendedRecord(sector, { index: FIRST_LOGICAL + entries.length, offset, sectorSize });
    if (record === undefined) return found(`no boot record was found at ${offset}`);
    entries.push(...record.partitions);
    oddities.push(...record.oddities);
    if (record.next === undefined) return found();
    offset = extended.offset + record.next * sectorSize;
  }
}
