// openFileSystem: opens the files of a volume, by the type that its superblock shows.
import { openNtfs } from './ntfs/ntfs-file-system.ts';
import type { OpenedFileSystem, VolumeBytes } from './opened-file-system.ts';

/** @throws {UnreadableError} the file system is damaged, or has a feature that is not supported. */
export type OpenFileSystem = (volume: VolumeBytes) => Promise<OpenedFileSystem>;

/** By the type in the description of the volume. */
const OPENERS: Readonly<Record<string, OpenFileSystem>> = {
  ntfs: openNtfs,
};

/** How to open a file system of this type; undefined if its files cannot be read. */
export function openerOf(type: string): OpenFileSystem | undefined {
  return OPENERS[type];
}
