// Questions that the rules ask about the volumes of a disk.
import type { ContentVolume, ContentVolumes } from '../volume/content-volumes.ts';
import type { DiskLayout, Volume } from '../volume/disk-layout.ts';
import { bootAbilityOf } from '../volume/generation.ts';
import { LINUX_ROLES } from '../volume/operating-system.ts';
import { isBootedByMbrCode, type PartitionRole } from '../volume/partition-types.ts';
import type { Generation } from './check-report.ts';

/** A partition, or a logical volume, which has no partition of its own. */
type AnyVolume = Pick<Volume, 'partition' | 'fileSystem'>;

export function namesOf(volumes: readonly ContentVolume[]): string {
  return volumes.map(({ name }) => name).join(', ');
}

export function hasRole({ partition }: AnyVolume, ...roles: readonly PartitionRole[]): boolean {
  return partition !== undefined && roles.includes(partition.role);
}

export function holds({ fileSystem }: AnyVolume, ...types: readonly string[]): boolean {
  return fileSystem !== undefined && types.includes(fileSystem.type);
}

export function isFat(volume: AnyVolume): boolean {
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
export function isWithoutFiles(volume: AnyVolume): boolean {
  const { partition, fileSystem } = volume;
  if (fileSystem !== undefined) return false;
  return hasRole(volume, ...WITHOUT_FILE_SYSTEM) || (partition !== undefined && isBootedByMbrCode(partition.type));
}

/** A physical volume. What its group holds is listed apart: logical volumes, and what is unread. */
export function isPhysicalVolume(volume: ContentVolume): boolean {
  return holds(volume, 'lvm2') && !volume.isLogical;
}

export type Bsd = 'FreeBSD' | 'OpenBSD';

/** The BSD that partitions name, unless another partition can be Linux. */
export function bsdIn({ table, volumes }: DiskLayout): Bsd | undefined {
  if (volumes.some((volume) => hasRole(volume, ...LINUX_ROLES))) return undefined;
  const types = table?.partitions.map(({ typeName }) => typeName) ?? [];
  return (['FreeBSD', 'OpenBSD'] as const).find((name) => types.some((type) => type.startsWith(name)));
}

/** Whether a partition is the /usr of Flatcar, from which it also makes its /etc when it starts. */
export function isFlatcar({ table }: DiskLayout): boolean {
  return table?.partitions.some(({ typeName }) => typeName === 'Flatcar or CoreOS /usr') === true;
}

/** What hides its contents, with the reason: encryption, RAID, a part of a volume group, unknown contents. */
export function opaqueParts({ volumes, unread }: Pick<ContentVolumes, 'volumes' | 'unread'>): string[] {
  return [...volumes.filter(isOpaque).map(describe), ...unread.map(({ name, reason }) => `${name}: ${reason}`)];
}

function isOpaque(volume: ContentVolume): boolean {
  const { fileSystem } = volume;
  if (fileSystem === undefined) return !isWithoutFiles(volume);
  if (isPhysicalVolume(volume)) return false;
  return ['encrypted', 'volume-group', 'raid'].includes(fileSystem.kind) || fileSystem.type === 'zfs';
}

/** "partition 2: XFS" */
export function describe({ name, fileSystem }: ContentVolume): string {
  return `${name}: ${fileSystem?.name ?? 'contents not recognised'}`;
}
