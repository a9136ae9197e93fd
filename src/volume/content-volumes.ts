// contentVolumes: everything on a disk that can hold a file system, the logical volumes of LVM2 included.
import type { ByteRange } from '../base/byte-range.ts';
import { printable } from '../base/printable.ts';
import { VhdupError } from '../errors.ts';
import { detectFileSystem } from './detect-file-system.ts';
import { type Disk, partOf } from './disk.ts';
import { type DiskLayout, nameOfVolume, type Volume } from './disk-layout.ts';
import type { FileSystem } from './file-system.ts';
import type { VolumeBytes } from './file-systems/opened-file-system.ts';
import type { LogicalVolume } from './lvm/logical-volume.ts';
import { type OpenedLvm, openLvm } from './lvm/open-lvm.ts';
import type { Partition } from './partition-table.ts';

/** A partition, the whole disk without a partition table, or a logical volume. */
export interface ContentVolume {
  /** "partition 2 (root)", "the disk", "logical volume rhel/root": escaped for printing. */
  readonly name: string;
  readonly bytes: VolumeBytes;
  /** Absent if the contents are not recognised. */
  readonly fileSystem?: FileSystem;
  /** Absent for a logical volume, and without a partition table. */
  readonly partition?: Partition;
  /** The group and the name of a logical volume, as stored. */
  readonly logicalName?: { readonly group: string; readonly volume: string };
  /** The partitions that hold it: one, or the physical volumes of its volume group. */
  readonly within: readonly Volume[];
  /** Why it is not certain where its bytes are. Undefined if there is no doubt. */
  readonly doubt?: string | undefined;
  /** Whether a snapshot needs the blocks that are free in this logical volume. */
  readonly hasSnapshots: boolean;
  /** Whether it is a logical volume. */
  readonly isLogical: boolean;
  /** Where a range of it lies on the disk, in the order of the range. */
  onDisk(range: ByteRange): Iterable<ByteRange>;
}

/** A volume group, or what is known of it, whose contents are not read completely. */
export interface UnreadVolume {
  /** "logical volume rhel/pool", "partition 3 (lvm)" */
  readonly name: string;
  /** "it is a thin pool" */
  readonly reason: string;
  readonly within: readonly Volume[];
}

export interface ContentVolumes {
  /** Partitions in table order, then logical volumes by group. A physical volume of LVM2 is in the list too, before its logical volumes. */
  readonly volumes: readonly ContentVolume[];
  readonly unread: readonly UnreadVolume[];
  /** The volume groups, and which of the physical volumes belongs to which partition. */
  readonly lvm: OpenedLvm;
  readonly physicalVolumes: ReadonlyMap<Volume, VolumeBytes>;
}

/** Logical volumes examined at most. Real systems have about ten. */
const MAX_LOGICAL_VOLUMES = 256;

/**
 * Reads the metadata of volume groups, and the superblocks of their logical volumes. Damage is in `unread`.
 * @throws {VhdupError} the image cannot be read where a partition has metadata of LVM2.
 */
export async function contentVolumes(disk: Disk, layout: DiskLayout): Promise<ContentVolumes> {
  const volumes = layout.volumes.map((volume) => partitionVolume(disk, volume));
  const physical = volumes.filter(({ fileSystem }) => fileSystem?.type === 'lvm2');
  const partitionOf = new Map(physical.map(({ bytes, within }) => [bytes, within]));
  const lvm = await openLvm(physical.map(({ bytes }) => bytes));
  const unread: UnreadVolume[] = physical.flatMap(({ name, bytes, within }) => {
    const reason = lvm.problems.get(bytes) ?? reasonOfStray(lvm, bytes);
    return reason === undefined ? [] : [{ name, reason, within }];
  });
  const all = [...partitionOf.values()].flat();
  for (const group of lvm.groups) {
    for (const { name, volume, reason, hasSnapshots } of group.volumes) {
      const title = `logical volume ${printable(group.name)}/${printable(name)}`;
      if (volume === undefined) unread.push({ name: title, reason: reason ?? 'it is not supported', within: all });
      else if (volumes.length - layout.volumes.length >= MAX_LOGICAL_VOLUMES) {
        unread.push({ name: title, reason: `only the first ${MAX_LOGICAL_VOLUMES} were examined`, within: all });
      } else {
        const logicalName = { group: group.name, volume: name };
        const opened = await logicalVolume(title, volume, hasSnapshots, partitionOf);
        volumes.push({ ...opened, logicalName, doubt: group.doubt });
      }
    }
  }
  return {
    volumes,
    unread,
    lvm,
    physicalVolumes: new Map(physical.flatMap(({ bytes, within }) => within.map((volume) => [volume, bytes]))),
  };
}

/** The same, but a part of the image that cannot be read where LVM2 has its metadata leaves the volume groups unread. */
export async function readableVolumes(disk: Disk, layout: DiskLayout): Promise<ContentVolumes> {
  try {
    return await contentVolumes(disk, layout);
  } catch (error) {
    if (!(error instanceof VhdupError)) throw error;
    const reason = `cannot be read: ${error.message}`;
    const physical = layout.volumes.filter(({ fileSystem }) => fileSystem?.type === 'lvm2');
    const others = layout.volumes.filter((volume) => !physical.includes(volume));
    const unread = physical.map((volume) => ({ name: nameOfVolume(volume), reason, within: [volume] }));
    return { ...(await contentVolumes(disk, { ...layout, volumes: others })), unread };
  }
}

/** The metadata of a physical volume may be on another disk, so what is on it is unknown. */
function reasonOfStray({ groups }: OpenedLvm, bytes: VolumeBytes): string | undefined {
  const isMember = groups.some(({ physicalVolumes }) => physicalVolumes.has(bytes));
  return isMember ? undefined : 'no volume group on this disk names it';
}

function partitionVolume(disk: Disk, volume: Volume): ContentVolume {
  const { range, fileSystem, partition } = volume;
  return {
    name: nameOfVolume(volume),
    bytes: partOf(disk, range),
    ...(fileSystem === undefined ? {} : { fileSystem }),
    ...(partition === undefined ? {} : { partition }),
    within: [volume],
    hasSnapshots: false,
    isLogical: false,
    onDisk: ({ offset, length }) => [{ offset: range.offset + offset, length }],
  };
}

async function logicalVolume(
  name: string,
  volume: LogicalVolume,
  hasSnapshots: boolean,
  partitionOf: ReadonlyMap<VolumeBytes, readonly Volume[]>,
): Promise<ContentVolume> {
  const fileSystem = await detectIn(volume);
  const within = [...volume.physicalVolumes].flatMap((physical) => partitionOf.get(physical) ?? []);
  return {
    name,
    bytes: volume,
    ...(fileSystem === undefined ? {} : { fileSystem }),
    within,
    hasSnapshots,
    isLogical: true,
    *onDisk(range) {
      for (const piece of volume.piecesOf(range)) {
        const start = partitionOf.get(piece.volume)?.[0]?.range.offset ?? 0;
        yield { offset: start + piece.range.offset, length: piece.range.length };
      }
    },
  };
}

/** A superblock that cannot be read is that of an unknown file system. */
async function detectIn(volume: LogicalVolume): Promise<FileSystem | undefined> {
  try {
    return await detectFileSystem(volume, { offset: 0, length: volume.size });
  } catch (error) {
    if (!(error instanceof VhdupError)) throw error;
    return undefined;
  }
}
