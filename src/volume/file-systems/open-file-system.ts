// Opens the file systems whose files can be read.
import { openNtfs } from './ntfs/ntfs-file-system.ts';
import type { OpenedFileSystem, VolumeBytes } from './opened-file-system.ts';

type OpenVolume = (volume: VolumeBytes) => Promise<OpenedFileSystem>;

/** By type, as in the description of the volume. */
export const FILE_SYSTEMS: Readonly<Record<string, OpenVolume>> = {
  ntfs: openNtfs,
};
