// Byte ranges are half-open everywhere. Only src/azure uses the inclusive form of the REST API.

/** A half-open range of bytes: `offset` is the first byte, `offset + length` the first byte after it. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Bytes of an open file, from `position` on, in bytes. */
export interface FilePiece {
  /** The file descriptor, which is valid in all threads of the process. */
  readonly fd: number;
  readonly position: number;
}

/** 512 bytes: the unit in which a page blob is written and a VHD addresses its disk. */
export const PAGE_SIZE = 512;

/** 1 MiB in bytes. */
export const MIB = 1024 * 1024;

/** 4 MiB: the largest range of a Put Page, and so the unit of reading, sending and the checkpoint. */
export const WINDOW_SIZE = 4 * MIB;

/** The first byte after the range. */
export function endOf(range: ByteRange): number {
  return range.offset + range.length;
}

/** `value` rounded down to a multiple of `unit`. */
export function alignDown(value: number, unit: number): number {
  return value - (value % unit);
}

/** `value` rounded up to a multiple of `unit`. */
export function alignUp(value: number, unit: number): number {
  return alignDown(value + unit - 1, unit);
}
