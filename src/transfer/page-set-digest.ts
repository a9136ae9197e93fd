// A fingerprint of a set of pages that does not depend on order or on how the pages are grouped into ranges.
import { type ByteRange, endOf } from '../base/byte-range.ts';

/**
 * Compares two sets of ranges without storing either: the pages that several runs of the program sent, and the page ranges that the
 * service lists. Each range toggles its two ends. Where two ranges touch, the shared end is toggled twice and cancels out, in any
 * order. The ranges of one set must not overlap.
 */
export class PageSetDigest {
  #high = 0;
  #low = 0;
  #bytes = 0;

  /** The size of the set in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  add(range: ByteRange): void {
    if (range.length === 0) return;
    this.#toggle(range.offset);
    this.#toggle(endOf(range));
    this.#bytes += range.length;
  }

  /** A copy of the set with one more range. */
  with(range: ByteRange): PageSetDigest {
    const set = PageSetDigest.from(this.toString(), this.#bytes);
    set.add(range);
    return set;
  }

  /** 64 bits as 16 hexadecimal digits. */
  toString(): string {
    return hex(this.#high) + hex(this.#low);
  }

  equals(other: PageSetDigest): boolean {
    return this.#bytes === other.#bytes && this.toString() === other.toString();
  }

  /** Restores the set with this `digest` and size. */
  static from(digest: string, bytes: number): PageSetDigest {
    const set = new PageSetDigest();
    set.#high = Number.parseInt(digest.slice(0, 8), 16) | 0;
    set.#low = Number.parseInt(digest.slice(8), 16) | 0;
    set.#bytes = bytes;
    return set;
  }

  #toggle(position: number): void {
    const high = Math.floor(position / 2 ** 32) | 0;
    const low = position | 0;
    this.#high ^= mix(mix(low ^ 0x9e3779b9) ^ high);
    this.#low ^= mix(mix(low + 0x7f4a7c15) + high);
  }
}

/** The finaliser of MurmurHash3 (Austin Appleby, public domain): every bit of the input reaches every bit of the output. */
function mix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
