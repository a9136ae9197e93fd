// Why nothing on a disk may be taken for free: its partition table does not show without doubt what belongs to which partition.
import { type ByteRange, endOf } from '../../base/byte-range.ts';
import { detectAll } from '../detect-file-system.ts';
import { bytesAt, type Disk } from '../disk.ts';
import { type DiskLayout, nameOfVolume } from '../disk-layout.ts';
import type { Partition, PartitionTable } from '../partition-table.ts';

/** A disk that was enlarged: both copies of its table are intact, and the same. */
const HARMLESS: readonly string[] = ['gpt-backup-misplaced'];

/** The superblock of dm-verity (Linux kernel, Documentation/admin-guide/device-mapper/verity.rst). */
const VERITY_SIGNATURE = 'verity\0\0';
/** Hash trees of the root and of /usr, for x86-64 and ARM64 (Discoverable Partitions Specification). */
const VERITY_TYPES: readonly string[] = [
  '2c7357ed-ebd2-46d9-aec1-23d437ec2bf5',
  '77ff5f63-e7b6-4633-acf4-1565b864c0e6',
  'df3300ce-d69f-4c92-978c-9bfb0f38d820',
  '6e11a4e7-fbca-4ded-b9e9-e1a512bb664e',
];

/** Undefined if there is no doubt. The reason follows a colon. @throws {VhdupError} the image cannot be read. */
export async function doubtOfDisk(disk: Disk, layout: DiskLayout): Promise<string | undefined> {
  const { table, problems } = layout;
  const problem = problems.find(({ code }) => !HARMLESS.includes(code));
  if (problem !== undefined) return `the partition table is not certain: ${problem.message.replace(/\.$/, '')}`;
  const verity = await verityOf(disk, layout);
  if (verity !== undefined)
    return `${verity} has checksums of the blocks of another partition (dm-verity), free ones too`;
  if (table === undefined) return undefined;
  const others = table.partitions.length === 0 ? [] : await detectAll(disk, { offset: 0, length: disk.size });
  if (others[0] !== undefined) return `the disk has partitions, and begins like ${others[0].name} too`;
  return contradictionIn(table);
}

async function verityOf(disk: Disk, { volumes }: DiskLayout): Promise<string | undefined> {
  for (const volume of volumes) {
    const { partition, range } = volume;
    const signature = await bytesAt(disk, range.offset, VERITY_SIGNATURE.length);
    const isVerity = VERITY_TYPES.includes(partition?.type ?? '') || signature.toString('latin1') === VERITY_SIGNATURE;
    if (isVerity) return nameOfVolume(volume);
  }
  return undefined;
}

/** What the problems of a table do not cover: extended partitions, boot records, and the area of a GPT. */
function contradictionIn({ partitions, usable, bootRecords = [] }: PartitionTable): string | undefined {
  const extended = partitions.filter(({ role }) => role === 'extended');
  for (const partition of partitions) {
    if (partition.role === 'extended') continue;
    const name = `partition ${partition.index}`;
    if (usable !== undefined && !isInside(partition, usable)) return `${name} is outside of the area for partitions`;
    if (bootRecords.some((record) => overlaps(record, partition))) return `${name} contains a boot record`;
    const isRight = partition.isLogical
      ? extended.some((one) => isInside(partition, one))
      : !extended.some((one) => overlaps(partition, one));
    if (!isRight) return `${name} is ${partition.isLogical ? 'outside of' : 'in'} an extended partition`;
  }
  return extended.length > 1 && overlapIn(extended) ? 'two extended partitions overlap' : undefined;
}

function overlapIn(partitions: readonly Partition[]): boolean {
  return partitions.some((one, index) => partitions.slice(index + 1).some((other) => overlaps(one, other)));
}

function isInside(inner: ByteRange, outer: ByteRange): boolean {
  return inner.offset >= outer.offset && endOf(inner) <= endOf(outer);
}

function overlaps(one: ByteRange, other: ByteRange): boolean {
  return one.offset < endOf(other) && other.offset < endOf(one);
}
