import { readSync } from 'node:fs';
import type { ByteRange } from '../../src/base/byte-range.ts';
import type { DiskImage } from '../../src/image/disk-image.ts';

/** Fills `into`. If the image locates the bytes in a file, asserts that the file has the same bytes there. */
export async function readImage(image: DiskImage, range: ByteRange, into: Uint8Array): Promise<void> {
  await image.read(range, into);
  const piece = await image.locate?.(range);
  if (piece === undefined) return;
  const located = new Uint8Array(range.length);
  const count = readSync(piece.fd, located, 0, located.length, piece.position);
  if (count === located.length && Buffer.compare(located, into) === 0) return;
  throw new Error(`Other bytes than those at ${range.offset} of the disk lie at ${piece.position} of a file.`);
}
