// The volumes of a disk whose files can be read: partitions and logical volumes.
import type { ContentVolume } from '../../volume/content-volumes.ts';
import { openerOf } from '../../volume/file-systems/open-file-system.ts';
import { LINUX_TYPES } from '../../volume/operating-system.ts';
import { hasRole } from '../volumes.ts';
import { GuestFiles } from './guest-files.ts';

export interface OpenVolume {
  readonly volume: ContentVolume;
  /** The type of its file system. */
  readonly type: string;
  readonly files: GuestFiles;
}

/** No operating system is spread over more file systems. */
const MAX_VOLUMES = 16;

/** The volumes that may hold a system or a part of it. */
export function guestVolumes(volumes: readonly ContentVolume[]): OpenVolume[] {
  return volumes
    .filter((volume) => !hasRole(volume, 'efi-system'))
    .flatMap((volume) => openVolume(volume) ?? [])
    .slice(0, MAX_VOLUMES);
}

/** Undefined if the file system is not known, or has no reader. */
export function openVolume(volume: ContentVolume): OpenVolume | undefined {
  const type = volume.fileSystem?.type;
  if (type === undefined || openerOf(type) === undefined) return undefined;
  return { volume, type, files: new GuestFiles({ type, bytes: volume.bytes }) };
}

/** Whether a volume was opened, and can only hold a system that was searched for. */
export function isSearched(volume: ContentVolume, opened: readonly OpenVolume[]): boolean {
  return opened.some((one) => one.volume === volume && (LINUX_TYPES.includes(one.type) || one.type === 'ntfs'));
}
