// What the rules ask of the volumes of a disk.
import { printable } from '../base/printable.ts';
import { bytesAt, type Disk } from '../volume/disk.ts';
import type { DiskLayout, Volume } from '../volume/disk-layout.ts';
import { bootAbilityOf } from '../volume/generation.ts';
import type { PartitionRole } from '../volume/partition-types.ts';
import type { Generation } from './check-report.ts';

/** "partition 2 (root)", or "the disk" where there is no partition table. */
export function nameOf({ partition }: Volume): string {
  if (partition === undefined) return 'the disk';
  const name = partition.name === undefined ? '' : ` (${printable(partition.name)})`;
  return `partition ${partition.index}${name}`;
}

export function namesOf(volumes: readonly Volume[]): string {
  return volumes.map(nameOf).join(', ');
}

export function hasRole(volume: Volume, ...roles: readonly PartitionRole[]): boolean {
  return volume.partition !== undefined && roles.includes(volume.partition.role);
}

export function holds(volume: Volume, ...types: readonly string[]): boolean {
  return volume.fileSystem !== undefined && types.includes(volume.fileSystem.type);
}

export function isExt(volume: Volume): boolean {
  return holds(volume, 'ext2', 'ext3', 'ext4');
}

export function isFat(volume: Volume): boolean {
  return holds(volume, 'fat12', 'fat16', 'fat32');
}

/** The generation that a disk starts: 2 where both do; undefined where neither does. A disk with an MBR is meant for 1. */
export function generationOf(layout: DiskLayout): Generation | undefined {
  const { generations } = bootAbilityOf(layout);
  if (generations.length > 0) return generations.includes(2) ? 2 : 1;
  return layout.table?.scheme === 'mbr' ? 1 : undefined;
}

const SUPERBLOCK = 1024;
const FEATURE_INCOMPAT = 0x60;
const NEEDS_RECOVERY = 0x4;

/** Whether the journal of an ext file system holds what is not yet in its place (kernel documentation, "Super Block"). */
export async function needsRecovery(disk: Disk, { range }: Volume): Promise<boolean> {
  const features = await bytesAt(disk, range.offset + SUPERBLOCK + FEATURE_INCOMPAT, 4);
  return (features.readUInt32LE() & NEEDS_RECOVERY) !== 0;
}
