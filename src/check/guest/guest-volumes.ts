// The volumes of a disk whose files can be read: partitions, and what they contain.
import type { DiskImage } from '../../image/disk-image.ts';
import { partOf } from '../../volume/disk.ts';
import type { DiskLayout, Volume } from '../../volume/disk-layout.ts';
import { openerOf } from '../../volume/file-systems/open-file-system.ts';
import { hasRole, nameOf } from '../volumes.ts';
import { GuestFiles } from './guest-files.ts';

export interface NamedFiles {
  /** "partition 2 (root)" */
  readonly name: string;
  readonly files: GuestFiles;
}

/** No operating system is spread over more file systems. */
const MAX_VOLUMES = 16;

/**
 * The volumes that may hold a system, each under its own name. A volume group yields the volumes in it here, under names of their own.
 */
export function guestVolumes(image: DiskImage, { volumes }: DiskLayout): NamedFiles[] {
  return volumes
    .filter((volume) => !hasRole(volume, 'efi-system'))
    .flatMap((volume) => filesOf(image, volume))
    .slice(0, MAX_VOLUMES);
}

/** The files of a volume; empty if its file system is not known, or there is no reader for it. */
export function filesOf(image: DiskImage, volume: Volume): NamedFiles[] {
  const type = volume.fileSystem?.type;
  if (type === undefined || openerOf(type) === undefined) return [];
  return [{ name: nameOf(volume), files: new GuestFiles({ type, bytes: partOf(image, volume.range) }) }];
}
