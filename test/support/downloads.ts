// Blobs to download: disks with known contents on the server of the current test.
import { type ByteRange, WINDOW_SIZE } from '../../src/base/byte-range.ts';
import { encodeFixedFooter } from '../../src/image/vhd/footer.ts';
import type { StoredBlob } from './page-blob-server/store.ts';
import { BLOB, CONTAINER, server } from './target-server.ts';
import { diskOf, patternOf, uniqueIdOf, type VhdContent } from './vhd-builder.ts';

const MIB = 1024 * 1024;

/** Six windows: the first and the last are small, two are full, one is empty, and data crosses a border. */
export const SIZE = 24 * MIB;
export const CONTENTS: readonly VhdContent[] = [
  { offset: 512, bytes: patternOf(1, 512) },
  { offset: 200 * 1024, bytes: patternOf(2, 4096) },
  { offset: WINDOW_SIZE - 4096, bytes: patternOf(3, 8192) },
  { offset: 2 * WINDOW_SIZE, bytes: patternOf(4, 2 * WINDOW_SIZE) },
  { offset: SIZE - 512, bytes: patternOf(5, 512) },
];
/** Listed, but zero. */
export const LISTED_ZEROS: ByteRange = { offset: WINDOW_SIZE + MIB, length: MIB };
/** Bytes that the service lists, without the footer. */
export const LISTED = CONTENTS.reduce((sum, { bytes }) => sum + bytes.length, 0) + LISTED_ZEROS.length;
export const FOOTER = encodeFixedFooter({ size: SIZE, uniqueId: uniqueIdOf(7), timestamp: 1234 });

/** The bytes of the disk. */
export function diskBytes(): Uint8Array {
  return diskOf(SIZE, CONTENTS);
}

/** Creates the blob of the disk, without a request. @param footer - What follows the disk. */
export function storeDisk(footer: Uint8Array = FOOTER, name = BLOB): StoredBlob {
  const blob = server.createPageBlob(CONTAINER, name, SIZE + footer.length);
  for (const { offset, bytes } of CONTENTS) writeTo(blob, offset, bytes);
  blob.markWritten(LISTED_ZEROS);
  if (footer.length > 0) writeTo(blob, SIZE, footer);
  return blob;
}

/** Writes as a request does, except for the ETag. */
export function writeTo(blob: StoredBlob, offset: number, bytes: Uint8Array): void {
  blob.write(offset, bytes);
  blob.markWritten({ offset, length: bytes.length });
}
