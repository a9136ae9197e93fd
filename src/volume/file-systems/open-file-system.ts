// openFileSystem: opens the files of a volume, by the type that its superblock shows.
import { openBtrfs } from './btrfs/open-btrfs.ts';
import { openExfat } from './exfat/open-exfat.ts';
import { openExt } from './ext/open-ext.ts';
import { openFat } from './fat/open-fat.ts';
import { openNtfs } from './ntfs/ntfs-file-system.ts';
import type { OpenedFileSystem, VolumeBytes } from './opened-file-system.ts';
import { openXfs } from './xfs/open-xfs.ts';

/** @throws {UnreadableError} the file system is damaged, or has a feature that is not supported. */
export type OpenFileSystem = (volume: VolumeBytes) => Promise<OpenedFileSystem>;

/** By the type in the description of the volume. */
const OPENERS: Readonly<Record<string, OpenFileSystem>> = {
  ext2: openExt,
  ext3: openExt,
  ext4: openExt,
  fat12: openFat,
  fat16: openFat,
  fat32: openFat,
  exfat: openExfat,
  xfs: openXfs,
  btrfs: openBtrfs,
  ntfs: openNtfs,
};

/** How to open a file system of this type; undefined if its files cannot be read. */
export function openerOf(type: string): OpenFileSystem | undefined {
  return OPENERS[type];
}
