// The length of the sector bitmap in front of each block of a dynamic or differencing VHD (VHD specification, "Data Blocks").
import { alignUp } from '../../base/byte-range.ts';

const SECTOR_SIZE = 512;

/** One bit per sector of the block, rounded up to whole sectors: 512 bytes for a block of 2 MiB. */
export function bitmapLengthOf(blockSize: number): number {
  return alignUp(Math.ceil(blockSize / SECTOR_SIZE / 8), SECTOR_SIZE);
}
