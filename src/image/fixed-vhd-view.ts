// asFixedVhd: presents a disk as the fixed VHD that Azure requires, whole MiB of data and a footer (VHD specification, "Hard Disk Footer Format").
import { alignUp, type ByteRange, endOf, type FilePiece, MIB } from '../base/byte-range.ts';
import type { DiskImage, Extent } from './disk-image.ts';
import { readPadded } from './read-padded.ts';
import { encodeFixedFooter, FOOTER_LENGTH } from './vhd/footer.ts';

/** The bytes of a fixed VHD, generated while they are read. */
export interface FixedVhdView {
  /** Length of the VHD and of the blob: the disk plus the footer. */
  readonly size: number;
  /** Size of the disk rounded up to a whole MiB, which Azure requires. The padding reads as zeros. */
  readonly diskSize: number;
  /** The last 512 bytes of the VHD. The same image always has the same footer. */
  readonly footer: Uint8Array;
  /** The ranges of the disk that can hold data. They exclude the footer, which is written separately and last. */
  extents(): AsyncIterable<Extent>;
  /** Fills `into`, whose length is `range.length`. `range` is 512-aligned and inside the VHD, including the footer. */
  read(range: ByteRange, into: Uint8Array): Promise<void>;
  /** Like `DiskImage.locate`; also undefined for the padding and the footer, which are in no file. */
  locate(range: ByteRange): Promise<FilePiece | undefined>;
}

/** The caller still closes `image`. */
export function asFixedVhd(image: DiskImage): FixedVhdView {
  const diskSize = alignUp(image.size, MIB);
  const size = diskSize + FOOTER_LENGTH;
  const footer = encodeFixedFooter({ size: diskSize, uniqueId: image.diskId, timestamp: image.timestamp });
  return {
    size,
    diskSize,
    footer,
    extents: () => image.extents(),
    async locate(range) {
      return endOf(range) > image.size ? undefined : await image.locate?.(range);
    },
    async read(range, into) {
      const { offset, length } = range;
      if (offset < 0 || offset % 512 !== 0 || length % 512 !== 0 || endOf(range) > size || into.length !== length) {
        throw new RangeError(
          `Cannot read ${length} bytes at ${offset} into ${into.length} bytes from a VHD of ${size}.`,
        );
      }
      const diskLength = Math.max(0, Math.min(endOf(range), diskSize) - offset);
      await readPadded(image, { offset, length: diskLength }, into.subarray(0, diskLength));
      if (endOf(range) > diskSize) into.set(footer, diskLength);
    },
  };
}
