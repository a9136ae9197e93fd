// The used MiBs of a VHDX file: detects overlapping structures in bounded memory (MS-VHDX 2.1: every structure consists of whole MiBs).
import { type ByteRange, endOf, MIB } from '../../base/byte-range.ts';

/** One bit per MiB of the file: 8 MiB for a file of 64 TiB. */
export class UsedSpace {
  readonly #bits: Uint8Array;

  /** @param fileLength In bytes. */
  constructor(fileLength: number) {
    this.#bits = new Uint8Array(Math.ceil(fileLength / MIB / 8));
  }

  /** Marks `range`, which begins at a whole MiB, as used. Returns whether all of it was free. Parts beyond the end of the file are ignored. */
  claim(range: ByteRange): boolean {
    const end = Math.min(Math.ceil(endOf(range) / MIB), this.#bits.length * 8);
    let wasFree = true;
    for (let mib = range.offset / MIB; mib < end; mib++) {
      const index = mib >>> 3;
      const bit = 1 << (mib & 7);
      const byte = this.#bits[index] ?? 0;
      if ((byte & bit) !== 0) wasFree = false;
      this.#bits[index] = byte | bit;
    }
    return wasFree;
  }
}
