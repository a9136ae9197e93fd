// asFixedVhd: a disk as the fixed VHD that Azure takes, whole MiB of data and a footer (VHD specification, "Hard Disk Footer Format").
import { alignUp, type ByteRange, endOf, type FilePiece, MIB } from '../base/byte-range.ts';
import type { DiskImage, Extent } from './disk-image.ts';
import { readPadded } from './read-padded.ts';
import { encodeFixedFooter, FOOTER_LENGTH } from './vhd/footer.ts';

/** The bytes of a fixed VHD, none of them stored anywhere. */
export interface FixedVhdView {
  /** Length of the VHD, which is that of the blob: the disk and the footer. */
  readonly size: number;
  /** The disk's size rounded up to a whole MiB, which Azure demands. What is added reads as zeros. */
  readonly diskSize: number;
  /** 512 bytes: the end of the VHD. The same image gives the same footer at all times. */
  readonly footer: Uint8Array;
  /** The ranges of the disk that can hold data. The footer is not among them: it is written last, on its own. */
  extents(): AsyncIterable<Extent>;
  /** Fills `into`, whose length is `range.length`. `range` is 512-aligned and inside the VHD, footer included. */
  read(range: ByteRange, into: Uint8Array): Promise<void>;
  /** As `DiskImage.locate`: undefined too for what is in no file, after the end of the disk. */
  locate(range: ByteRange): Promise<FilePiece | undefined>;
}

/** `image` stays the caller's to close. */
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
