// readDiskLayout: the partitions and file systems of a disk, from its first sectors and the superblocks alone.
import type { ByteRange } from '../base/byte-range.ts';
import { printable } from '../base/printable.ts';
import { VhdupError } from '../errors.ts';
import { detectFileSystem } from './detect-file-system.ts';
import type { Disk } from './disk.ts';
import { listFatFolders } from './fat-folder.ts';
import type { FileSystem } from './file-system.ts';
import {
  type DiskProblem,
  type Partition,
  type PartitionTable,
  readPartitionTable,
  type SectorSize,
} from './partition-table.ts';

/** A partition, or the whole disk without a partition table, and its contents. */
export interface Volume {
  /** In bytes of the disk, clipped to its end. */
  readonly range: ByteRange;
  /** Absent if the file system covers the disk without a partition table. */
  readonly partition?: Partition;
  /** Absent if the contents are not recognised. */
  readonly fileSystem?: FileSystem;
  /** EFI system partition: the folders in its folder EFI, unescaped. Absent if they cannot be read. */
  readonly bootLoaders?: readonly string[];
}

export interface DiskLayout {
  /** Absent if the disk has none. */
  readonly table?: PartitionTable;
  /** In table order. Extended partitions are left out; their logical partitions are included. */
  readonly volumes: readonly Volume[];
  /** Problems of the table, and read errors. */
  readonly problems: readonly DiskProblem[];
}

/** Partitions examined at most: Linux names up to 256, and a hostile table has thousands. */
const MAX_VOLUMES = 256;

/**
 * Reads a few KiB for the table and 72 KiB per partition. Damage of the disk or of its image is reported
 * in `problems` and is not an error.
 * @param sectorSize Sector size of the disk, if its format states it.
 */
export async function readDiskLayout(disk: Disk, sectorSize?: SectorSize): Promise<DiskLayout> {
  const problems: DiskProblem[] = [];
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof VhdupError)) throw error;
      problems.push({ code: 'unreadable', message: `Cannot read ${what}: ${error.message}` });
      return undefined;
    }
  };
  const whole = { offset: 0, length: disk.size };
  const fileSystem = await attempt('the beginning of the disk', () => detectFileSystem(disk, whole));
  const table = await attempt('the partition table', () => readPartitionTable(disk, sectorSize));
  // The boot sector of a file system has the signature of an MBR, and may have zeros in place of the MBR's entries.
  if (
    table === undefined ||
    (table.partitions.length === 0 && table.problems.length === 0 && fileSystem !== undefined)
  ) {
    const volumes = fileSystem === undefined ? [] : [{ range: whole, fileSystem }];
    return { volumes, problems };
  }
  problems.push(...table.problems);
  const partitions = table.partitions.filter(({ role }) => role !== 'extended');
  if (partitions.length > MAX_VOLUMES) {
    const message = `The table has ${partitions.length} partitions; only the first ${MAX_VOLUMES} were examined.`;
    problems.push({ code: 'partitions-too-many', message });
  }
  const volumes: Volume[] = [];
  for (const partition of partitions.slice(0, MAX_VOLUMES)) {
    volumes.push(
      (await attempt(`partition ${partition.index}`, () => readVolume(disk, partition))) ?? {
        range: rangeOn(disk, partition),
        partition,
      },
    );
  }
  return { table, volumes, problems };
}

async function readVolume(disk: Disk, partition: Partition): Promise<Volume> {
  const range = rangeOn(disk, partition);
  const fileSystem = await detectFileSystem(disk, range);
  const isEfi = partition.role === 'efi-system' && fileSystem?.type.startsWith('fat') === true;
  const bootLoaders = isEfi ? await listFatFolders(disk, range, ['EFI']) : undefined;
  return {
    range,
    partition,
    ...(fileSystem === undefined ? {} : { fileSystem }),
    ...(bootLoaders === undefined ? {} : { bootLoaders }),
  };
}

function rangeOn(disk: Disk, { offset, length }: Partition): ByteRange {
  const start = Math.min(offset, disk.size);
  return { offset: start, length: Math.min(length, disk.size - start) };
}

/** "partition 2 (root)", or "the disk" without a partition table. */
export function nameOfVolume({ partition }: Volume): string {
  if (partition === undefined) return 'the disk';
  const name = partition.name === undefined ? '' : ` (${printable(partition.name)})`;
  return `partition ${partition.index}${name}`;
}
