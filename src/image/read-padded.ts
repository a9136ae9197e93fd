// Reads from a disk that may be shorter than the range: everything beyond its end reads as zeros.
import { type ByteRange, endOf } from '../base/byte-range.ts';
import type { DiskImage } from './disk-image.ts';

/** Fills `into`, whose length is `range.length`. */
export async function readPadded(image: DiskImage, range: ByteRange, into: Uint8Array): Promise<void> {
  const length = Math.max(0, Math.min(endOf(range), image.size) - range.offset);
  if (length > 0) await image.read({ offset: range.offset, length }, into.subarray(0, length));
  into.fill(0, length);
}

/**
 * Checks the precondition of every read. A violation is a bug in the caller, not a fault of the image.
 * @throws {RangeError} `range` does not consist of whole sectors inside the disk, or `into` has another length.
 */
export function requireReadable(size: number, range: ByteRange, into: Uint8Array): void {
  const { offset, length } = range;
  const isInside = offset >= 0 && length >= 0 && endOf(range) <= size;
  if (!isInside || offset % 512 !== 0 || length % 512 !== 0 || into.length !== length) {
    throw new RangeError(`Cannot read ${length} bytes at ${offset} into ${into.length} bytes from a disk of ${size}.`);
  }
}
