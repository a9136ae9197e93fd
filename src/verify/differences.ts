// Differences between a blob and its image: the first ones, and their total number.
import { type ByteRange, PAGE_SIZE } from '../base/byte-range.ts';

/**
 * - `missing`: the image has data that the blob does not list; the blob reads as zeros there.
 * - `unexpected`: the blob lists pages that vhdup does not write for this image.
 * - `content`: the bytes that were read back are not those of the image. The range begins and ends with a byte that differs.
 * - `footer`: the last 512 bytes are not the footer of a fixed VHD of the disk.
 * - `manifest`: the image does not have the checksum that the manifest records.
 */
export const DIFFERENCE_KINDS = ['missing', 'unexpected', 'content', 'footer', 'manifest'] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** A range of the blob, in bytes. */
export interface Difference extends ByteRange {
  readonly kind: DifferenceKind;
}

export interface DifferenceSummary {
  readonly count: number;
  /** Total bytes of all differences. */
  readonly bytes: number;
  /** The first differences by offset, at most ten. */
  readonly first: readonly Difference[];
}

const MAX_FIRST = 10;

/** Collects differences in any order. */
export class Differences {
  #count: number;
  #bytes: number;
  #first: Difference[];

  constructor({ count, bytes, first }: DifferenceSummary = { count: 0, bytes: 0, first: [] }) {
    this.#count = count;
    this.#bytes = bytes;
    this.#first = [...first];
  }

  get summary(): DifferenceSummary {
    return { count: this.#count, bytes: this.#bytes, first: this.#first };
  }

  add({ kind, offset, length }: Difference): void {
    this.#count += 1;
    this.#bytes += length;
    const last = this.#first.at(-1);
    if (this.#first.length === MAX_FIRST && last !== undefined && last.offset < offset) return;
    const sorted = [...this.#first, { kind, offset, length }].sort((one, other) => one.offset - other.offset);
    this.#first = sorted.slice(0, MAX_FIRST);
  }
}

/**
 * Ranges of consecutive pages that differ, each trimmed to its first and last byte that differs.
 * @param offset - Offset of both arrays in the blob. Their lengths are equal and a multiple of 512.
 */
export function differingRanges(expected: Uint8Array, actual: Uint8Array, offset: number): ByteRange[] {
  const ranges: ByteRange[] = [];
  let start = -1;
  let end = -1;
  const finish = () => {
    if (start >= 0) ranges.push({ offset: offset + start, length: end - start });
    start = -1;
  };
  for (let page = 0; page < expected.length; page += PAGE_SIZE) {
    if (Buffer.compare(expected.subarray(page, page + PAGE_SIZE), actual.subarray(page, page + PAGE_SIZE)) === 0) {
      finish();
      continue;
    }
    for (let at = page; at < page + PAGE_SIZE; at++) {
      if (expected[at] === actual[at]) continue;
      if (start < 0) start = at;
      end = at + 1;
    }
  }
  finish();
  return ranges;
}

/**
 * Keeps only the bytes that differ in both readings. Without a checksum, data may be damaged in transit, but two readings are damaged in
 * different places.
 * @param second - Is set to the expected bytes wherever `first` has them.
 */
export function keepWhatDiffersTwice(expected: Uint8Array, first: Uint8Array, second: Uint8Array): void {
  for (let at = 0; at < expected.length; at++) {
    const byte = expected[at] ?? 0;
    if (first[at] === byte) second[at] = byte;
  }
}

/** "missing at 4194304, 512 bytes" */
export function describeDifference({ kind, offset, length }: Difference): string {
  return `${kind} at ${offset}, ${length} bytes`;
}

/** The first differences, and how many more there are. */
export function describeDifferences({ count, first }: DifferenceSummary): string {
  const places = first.map(describeDifference);
  if (count > first.length) places.push(`${count - first.length} more`);
  return places.join('; ');
}
