// What the owner of a disk with sectors of 4 KiB must know before it becomes a VHD.
import type { ImageWarning } from './disk-image.ts';

/** @param path As it may be printed. */
export function sectorSizeWarning(path: string): ImageWarning {
  return {
    code: 'sector-size-4096',
    message: `The disk in ${path} has sectors of 4096 bytes, and Azure attaches a VHD as a disk with sectors of 512 bytes. Its bytes are taken as they are: a guest will not find the partitions, because their tables count sectors.`,
  };
}
