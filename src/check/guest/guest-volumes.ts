// The volumes of a disk whose files can be read.
import type { DiskImage } from '../../image/disk-image.ts';
import { partOf } from '../../volume/disk.ts';
import type { DiskLayout, Volume } from '../../volume/disk-layout.ts';
import { openerOf } from '../../volume/file-systems/open-file-system.ts';
import { LINUX_TYPES } from '../../volume/operating-system.ts';
import { hasRole, nameOf } from '../volumes.ts';
import { GuestFiles } from './guest-files.ts';

export interface OpenVolume {
  /** "partition 2 (root)" */
  readonly name: string;
  /** The type of its file system. */
  readonly type: string;
  /** The partitions that hold it: one, or those of its volume group. */
  readonly within: readonly Volume[];
  readonly files: GuestFiles;
}

/** No operating system is spread over more file systems. */
const MAX_VOLUMES = 16;

/** The volumes that may hold a system or its /boot. The volumes of a volume group belong in this list too, `within` its partitions. */
export function guestVolumes(image: DiskImage, { volumes }: DiskLayout): OpenVolume[] {
  return volumes
    .filter((volume) => !hasRole(volume, 'efi-system'))
    .flatMap((volume) => openVolume(image, volume) ?? [])
    .slice(0, MAX_VOLUMES);
}

/** Undefined if the file system is not known, or has no reader. */
export function openVolume(image: DiskImage, volume: Volume): OpenVolume | undefined {
  const type = volume.fileSystem?.type;
  if (type === undefined || openerOf(type) === undefined) return undefined;
  const files = new GuestFiles({ type, bytes: partOf(image, volume.range) });
  return { name: nameOf(volume), type, within: [volume], files };
}

/** Whether a volume was opened, and can only hold a Linux. */
export function isReadLinux(volume: Volume, opened: readonly OpenVolume[]): boolean {
  return opened.some(({ type, within }) => within.includes(volume) && LINUX_TYPES.includes(type));
}
