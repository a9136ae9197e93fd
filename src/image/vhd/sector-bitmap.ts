// The sector bitmap in front of each block of a dynamic or differencing VHD (VHD specification, "Data Blocks"): how long it is.
import { alignUp } from '../../base/byte-range.ts';

const SECTOR_SIZE = 512;

/** One bit for each sector of the block, in whole sectors: 512 bytes for the usual 2 MiB. */
export function bitmapLengthOf(blockSize: number): number {
  return alignUp(Math.ceil(blockSize / SECTOR_SIZE / 8), SECTOR_SIZE);
}
