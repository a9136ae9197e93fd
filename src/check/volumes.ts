// Questions that the rules ask about the volumes of a disk.
import { printable } from '../base/printable.ts';
import type { DiskLayout, Volume } from '../volume/disk-layout.ts';
import { bootAbilityOf } from '../volume/generation.ts';
import { isBootedByMbrCode, type PartitionRole } from '../volume/partition-types.ts';
import type { Generation } from './check-report.ts';

/** "partition 2 (root)", or "the disk" without a partition table. */
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

export function isFat(volume: Volume): boolean {
  return holds(volume, 'fat12', 'fat16', 'fat32');
}

/** The generation that the disk boots: 2 if it boots both, undefined if neither. A disk with an MBR counts as generation 1. */
export function generationOf(layout: DiskLayout): Generation | undefined {
  const { generations } = bootAbilityOf(layout);
  if (generations.length > 0) return generations.includes(2) ? 2 : 1;
  return layout.table?.scheme === 'mbr' ? 1 : undefined;
}

/** Partitions with these roles hold a boot loader or nothing, but no file system. */
const WITHOUT_FILE_SYSTEM: readonly PartitionRole[] = ['bios-boot', 'microsoft-reserved', 'protective', 'extended'];

/** Whether the volume cannot hold files. */
export function isWithoutFiles(volume: Volume): boolean {
  const { partition, fileSystem } = volume;
  if (fileSystem !== undefined) return false;
  return hasRole(volume, ...WITHOUT_FILE_SYSTEM) || (partition !== undefined && isBootedByMbrCode(partition.type));
}

/** Volumes whose contents are hidden: LVM, RAID, encryption, or unknown contents. */
export function opaqueVolumes({ volumes }: DiskLayout): Volume[] {
  return volumes.filter((volume) => {
    const { fileSystem } = volume;
    if (fileSystem === undefined) return !isWithoutFiles(volume);
    return ['encrypted', 'volume-group', 'raid'].includes(fileSystem.kind) || fileSystem.type === 'zfs';
  });
}

/** "partition 2: LVM2 physical volume" */
export function describe(volume: Volume): string {
  return `${nameOf(volume)}: ${volume.fileSystem?.name ?? 'contents not recognised'}`;
}
