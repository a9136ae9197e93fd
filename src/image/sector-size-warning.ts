// The warning for disks with sectors of 4 KiB, which change their sector size in Azure.
import type { ImageWarning } from './disk-image.ts';

/** @param path Escaped for printing. */
export function sectorSizeWarning(path: string): ImageWarning {
  return {
    code: 'sector-size-4096',
    message: `The disk in ${path} has sectors of 4096 bytes, but Azure attaches a VHD as a disk with sectors of 512 bytes. vhdup uploads the bytes unchanged, so a guest will not find the partitions, because partition tables count sectors.`,
  };
}
