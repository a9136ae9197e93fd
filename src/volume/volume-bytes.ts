// A partition as VolumeBytes.
import type { ByteRange } from '../base/byte-range.ts';
import { bytesAt, type Disk } from './disk.ts';
import type { VolumeBytes } from './file-systems/opened-file-system.ts';

/** Bytes beyond the end of the disk are zeros: the partition table may claim more than there is. */
export function volumeBytesOf(disk: Disk, { offset, length }: ByteRange): VolumeBytes {
  return {
    size: length,
    async read(range, into) {
      into.set(await bytesAt(disk, offset + range.offset, range.length));
    },
  };
}
