// The one thing that knows which parts of a volume are in use: its file system, its volume group, or the header of a swap area.
import type { ContentVolume, ContentVolumes } from '../content-volumes.ts';
import { nameOfVolume } from '../disk-layout.ts';
import { openerOf } from '../file-systems/open-file-system.ts';
import { type OpenedFileSystem, UnreadableError } from '../file-systems/opened-file-system.ts';
import type { OpenedVolumeGroup } from '../lvm/open-lvm.ts';
import type { PartitionRole } from '../partition-types.ts';
import { doubtOfContents } from './other-contents.ts';

export type Owner =
  | { readonly kind: 'files'; readonly files: OpenedFileSystem }
  | { readonly kind: 'group'; readonly group: OpenedVolumeGroup }
  | { readonly kind: 'swap' }
  /** Everything in it counts as used. The reason follows a colon. */
  | { readonly kind: 'none'; readonly reason: string };

/** Partitions that are left whole, whatever they contain. */
const LEFT_WHOLE: Partial<Record<PartitionRole, string>> = {
  'efi-system': 'an EFI system partition is left whole',
  'bios-boot': 'a BIOS boot partition is left whole',
  'microsoft-reserved': 'a reserved partition is left whole',
  'windows-dynamic': 'dynamic disks and Storage Spaces are not read',
  'linux-raid': 'it is a member of a RAID',
  'linux-encrypted': 'it is encrypted',
  protective: 'it protects a partition table',
};

/** Partitions whose blocks are hashed when they are updated: /usr of Flatcar, roots of ChromeOS. */
const HASHED_TYPES: readonly string[] = [
  '5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6',
  '3884dd41-8582-4404-b9a8-e9b84f2df50e',
  '3cb8e202-3b7e-47dd-8a3c-7ff2a13cfcec',
];

/** @throws {VhdupError} the image cannot be read. */
export async function ownerOf(volume: ContentVolume, contents: ContentVolumes): Promise<Owner> {
  try {
    return await find(volume, contents);
  } catch (error) {
    if (error instanceof UnreadableError) return none(error.message);
    throw error;
  }
}

async function find(volume: ContentVolume, contents: ContentVolumes): Promise<Owner> {
  const { bytes, fileSystem, within, isLogical, hasSnapshots, doubt } = volume;
  for (const { partition } of within) {
    const reason = partition && LEFT_WHOLE[partition.role];
    if (reason !== undefined) return none(reason);
    if (HASHED_TYPES.includes(partition?.type ?? '')) return none('its blocks are compared with checksums');
  }
  if (isLogical && contents.lvm.problems.size > 0) return none('a physical volume of the disk cannot be read');
  if (doubt !== undefined) return none(doubt);
  if (hasSnapshots) return none('it has snapshots, which read data from free blocks');
  if (fileSystem === undefined) return none('its contents are not recognised');
  const other =
    (await doubtOfContents(bytes, fileSystem)) ?? (isLogical ? await doubtOfGroup(volume, contents) : undefined);
  if (other !== undefined) return none(other);
  if (fileSystem.type === 'lvm2')
    return isLogical ? none('a volume group in a logical volume is not read') : groupOf(volume, contents);
  if (fileSystem.type === 'swap') return { kind: 'swap' };
  // Its table has no room for the marks of 16 and 32 bits.
  if (fileSystem.type === 'fat12') return none('FAT12 does not show whether it was unmounted');
  const open = openerOf(fileSystem.type);
  if (open === undefined) return none(`the free space of ${fileSystem.name} is not read`);
  return { kind: 'files', files: await open(bytes) };
}

/** The label of a physical volume may be that of an earlier use, and then so are its logical volumes. */
async function doubtOfGroup({ within }: ContentVolume, contents: ContentVolumes): Promise<string | undefined> {
  for (const volume of within) {
    const bytes = contents.physicalVolumes.get(volume);
    if (bytes === undefined || volume.fileSystem === undefined) continue;
    const doubt = await doubtOfContents(bytes, volume.fileSystem);
    if (doubt !== undefined) return `${nameOfVolume(volume)} holds it, and is not certain: ${doubt}`;
  }
  return undefined;
}

function groupOf({ bytes }: ContentVolume, { lvm }: ContentVolumes): Owner {
  if (lvm.problems.size > 0) return none([...lvm.problems.values()].join('; '));
  const groups = lvm.groups.filter((group) => group.usedRanges(bytes) !== undefined);
  const [group] = groups;
  if (group !== undefined && groups.length === 1) return { kind: 'group', group };
  const doubt = lvm.groups.find((one) => one.doubt !== undefined)?.doubt;
  return none(doubt ?? 'its volume group has snapshots or other volumes that are not read, or is not known');
}

function none(reason: string): Owner {
  return { kind: 'none', reason };
}
