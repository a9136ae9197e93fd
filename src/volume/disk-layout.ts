// readDiskLayout: what is on a disk, from its first sectors and superblocks alone.
import type { ByteRange } from '../base/byte-range.ts';
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

/** A partition, or the whole disk where there is no table, and what is in it. */
export interface Volume {
  /** In bytes of the disk, cut to its end. */
  readonly range: ByteRange;
  /** Absent where the file system covers the disk without a partition table. */
  readonly partition?: Partition;
  /** Absent where nothing was recognised. */
  readonly fileSystem?: FileSystem;
  /** EFI system partition: the folders in its folder EFI, unescaped. Absent where they cannot be read. */
  readonly bootLoaders?: readonly string[];
}

export interface DiskLayout {
  /** Absent where the disk has none. */
  readonly table?: PartitionTable;
  /** In the order of the table. Extended partitions are left out: their logical ones are here. */
  readonly volumes: readonly Volume[];
  /** Of the table, and of what could not be read. */
  readonly problems: readonly DiskProblem[];
}

/** More file systems are not looked for: Linux names 256 partitions at most, and a hostile table has thousands. */
const MAX_VOLUMES = 256;

/**
 * Reads a few KiB for the table and 72 KiB for each partition. Damage, of the disk as of the image below it, is reported
 * in `problems` and is no error.
 * @param sectorSize Of the disk, where its format says it.
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
  // The boot sector of a file system ends like an MBR and may have nothing where that has its entries.
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
    const message = `The table has ${partitions.length} partitions; only the first ${MAX_VOLUMES} were looked into.`;
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
