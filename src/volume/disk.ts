// Disk: the part of DiskImage that this folder uses, with unaligned reads.
import { isUtf8 } from 'node:buffer';
import { alignDown, alignUp, type ByteRange } from '../base/byte-range.ts';
import type { DiskImage } from '../image/disk-image.ts';
import type { VolumeBytes } from './file-systems/opened-file-system.ts';

/** A disk that can be read: a `DiskImage`, or anything that behaves like one. */
export type Disk = Pick<DiskImage, 'size' | 'read'>;

/** Reads `length` bytes at `offset`, both of any alignment. Bytes beyond the end of the disk are zeros. */
export async function bytesAt(disk: Disk, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const start = alignDown(offset, 512);
  const end = Math.min(alignUp(offset + length, 512), disk.size);
  if (start >= end) return bytes;
  const sectors = Buffer.alloc(end - start);
  await disk.read({ offset: start, length: sectors.length }, sectors);
  sectors.copy(bytes, 0, offset - start);
  return bytes;
}

/** A part of a disk, for the reader of the file system in it. Images read whole sectors, file systems any bytes. */
export function partOf(disk: Disk, { offset, length }: ByteRange): VolumeBytes {
  return {
    size: length,
    async read(range, into) {
      const start = offset + range.offset;
      const isWhole = start % 512 === 0 && range.length % 512 === 0 && start + range.length <= disk.size;
      if (isWhole) await disk.read({ offset: start, length: range.length }, into);
      else into.set(await bytesAt(disk, start, range.length));
    },
  };
}

/**
 * Text in a field of fixed length: up to the first NUL, without trailing blanks. Undefined if empty.
 * Text that should be UTF-8 but is not is read as Latin-1, because old writers used 8-bit text.
 */
export function textAt(
  bytes: Buffer,
  offset: number,
  length: number,
  encoding: 'utf8' | 'utf16le' | 'latin1' = 'utf8',
): string | undefined {
  const stored = bytes.subarray(offset, offset + length);
  const text = encoding === 'utf8' ? utf8OrLatin1(stored) : stored.toString(encoding);
  const end = text.indexOf('\0');
  return (end < 0 ? text : text.slice(0, end)).trimEnd() || undefined;
}

function utf8OrLatin1(stored: Buffer): string {
  const end = stored.indexOf(0);
  const bytes = end < 0 ? stored : stored.subarray(0, end);
  return isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('latin1');
}

/** 16 bytes as a UUID, in file order. */
export function uuidAt(bytes: Buffer, offset: number): string {
  return groupUuid(bytes.toString('hex', offset, offset + 16));
}

/** 16 bytes as a GUID in the byte order of Microsoft and EFI: the first three groups are little-endian. */
export function guidAt(bytes: Buffer, offset: number): string {
  const guid = Buffer.from(bytes.subarray(offset, offset + 16));
  guid.subarray(0, 4).reverse();
  guid.subarray(4, 6).reverse();
  guid.subarray(6, 8).reverse();
  return groupUuid(guid.toString('hex'));
}

function groupUuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
