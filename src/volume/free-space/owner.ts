// The one thing that knows which parts of a volume are in use: its file system, its volume group, or the header of a swap area.
import { alignDown } from '../../base/byte-range.ts';
import type { ContentVolume, ContentVolumes } from '../content-volumes.ts';
import { detectAll } from '../detect-file-system.ts';
import { MD_MAGIC } from '../file-systems/containers.ts';
import { openerOf } from '../file-systems/open-file-system.ts';
import { type OpenedFileSystem, UnreadableError, type VolumeBytes } from '../file-systems/opened-file-system.ts';
import type { OpenedVolumeGroup } from '../lvm/open-lvm.ts';
import type { PartitionRole } from '../partition-types.ts';

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
  const found = await detectAll(bytes, { offset: 0, length: bytes.size });
  const other = found.find(({ type }) => type !== fileSystem.type);
  if (other !== undefined) return none(`it looks like ${fileSystem.name}, and like ${other.name}`);
  if (await endsAsRaid(bytes)) return none('it is a member of a Linux RAID');
  if (fileSystem.type === 'lvm2')
    return isLogical ? none('a volume group in a logical volume is not read') : groupOf(volume, contents);
  if (fileSystem.type === 'swap') return { kind: 'swap' };
  // Its table has no room for the marks of 16 and 32 bits.
  if (fileSystem.type === 'fat12') return none('FAT12 does not show whether it was unmounted');
  const open = openerOf(fileSystem.type);
  if (open === undefined) return none(`the free space of ${fileSystem.name} is not read`);
  return { kind: 'files', files: await open(bytes) };
}

function groupOf({ bytes }: ContentVolume, { lvm }: ContentVolumes): Owner {
  if (lvm.problems.size > 0) return none([...lvm.problems.values()].join('; '));
  const groups = lvm.groups.filter((group) => group.usedRanges(bytes) !== undefined);
  const [group] = groups;
  if (group !== undefined && groups.length === 1) return { kind: 'group', group };
  const doubt = lvm.groups.find((one) => one.doubt !== undefined)?.doubt;
  return none(doubt ?? 'its volume group has snapshots or other volumes that are not read, or is not known');
}

/** Versions 0.90 and 1.0 of the metadata are at the end (Linux kernel, drivers/md/md.c). */
async function endsAsRaid(bytes: VolumeBytes): Promise<boolean> {
  const sectors = Math.floor(bytes.size / 512);
  const places = [alignDown(sectors - 16, 8) * 512, alignDown(bytes.size, 65_536) - 65_536];
  for (const offset of places) {
    if (offset < 0) continue;
    const head = Buffer.alloc(8);
    await bytes.read({ offset, length: head.length }, head);
    if (head.readUInt32LE(0) === MD_MAGIC || head.readUInt32BE(0) === MD_MAGIC) return true;
  }
  return false;
}

function none(reason: string): Owner {
  return { kind: 'none', reason };
}
