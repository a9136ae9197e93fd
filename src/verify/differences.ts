// Where a blob is not what it should be: the first places, and how many there are in all.
import { type ByteRange, PAGE_SIZE } from '../base/byte-range.ts';

/**
 * - `missing`: the image holds data that the blob does not list: it reads as zeros there.
 * - `unexpected`: the blob lists pages that vhdup does not write for this image.
 * - `content`: the bytes that were read back are not the image's. The range begins and ends with a byte that differs.
 * - `footer`: the last 512 bytes are not the footer that makes a fixed VHD of the disk.
 * - `manifest`: the image does not have the checksum that the manifest holds.
 */
export const DIFFERENCE_KINDS = ['missing', 'unexpected', 'content', 'footer', 'manifest'] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** A range of the blob, in bytes. */
export interface Difference extends ByteRange {
  readonly kind: DifferenceKind;
}

export interface DifferenceSummary {
  readonly count: number;
  /** Bytes in all of them. */
  readonly bytes: number;
  /** The first ones by offset, ten at most. */
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
 * Pages in a row that differ, each such range cut to its first and last byte that does.
 * @param offset - Where both begin in the blob. Their lengths are the same multiple of 512.
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
 * Where nothing covers what came, something on the way may have changed it: two damaged readings differ at different places.
 * @param second - Gets the expected bytes where `first` had them.
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

/** The first ones, and how many more there are. */
export function describeDifferences({ count, first }: DifferenceSummary): string {
  const places = first.map(describeDifference);
  if (count > first.length) places.push(`${count - first.length} more`);
  return places.join('; ');
}
