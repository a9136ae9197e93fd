// Watches over sectors of a dynamic VHD that hold data although their bitmap says that they were never written.

import { printable } from '../../base/printable.ts';
import type { DiskImage, OpenDiskImageOptions } from '../disk-image.ts';

const SECTOR_SIZE = 512;
const ZEROS = Buffer.alloc(64 * 1024);

/** Where the data were seen. */
export interface UnmarkedPlace {
  readonly block: number;
  /** Of the first byte looked at, in the disk. */
  readonly offset: number;
  /** Whether the bitmap of the block marks any sector at all. */
  readonly hasMarkedSector: () => Promise<boolean>;
}

/** Counts such sectors, and warns when the first is seen: to read them as zeros is right, or loses data, as the writer meant it. */
export class UnmarkedSectors {
  readonly #path: string;
  readonly #options: OpenDiskImageOptions;
  #count = 0;
  #hasWarned = false;
  #hasWarnedOfEmptyBitmap = false;
  /** The block whose bitmap was looked at last: once for all of its sectors is enough. */
  #lastBlock: number | undefined;

  constructor(path: DiskImage['path'], options: OpenDiskImageOptions) {
    this.#path = printable(path);
    this.#options = options;
  }

  /** `bytes` are whole sectors that the bitmap does not mark. */
  async inspect(bytes: Uint8Array, place: UnmarkedPlace): Promise<void> {
    if (isZero(bytes)) return;
    let first: number | undefined;
    for (let at = 0; at < bytes.length; at += SECTOR_SIZE) {
      if (isZero(bytes.subarray(at, at + SECTOR_SIZE))) continue;
      first ??= place.offset + at;
      this.#count++;
    }
    await this.#warn(place, first ?? place.offset);
  }

  async #warn(place: UnmarkedPlace, offset: number): Promise<void> {
    if (!this.#hasWarned) {
      this.#hasWarned = true;
      this.#options.onWarning?.({
        code: 'unmarked-data',
        message: `Block ${place.block} of ${this.#path} holds data in sectors that its sector bitmap marks as never written, the first at ${offset} of the disk. They are read as zeros, as the specification says: as a rule they are left from something else. If the program that made the image does not keep its bitmaps, use --trust-unmarked-sectors to read the data.`,
      });
    }
    if (this.#hasWarnedOfEmptyBitmap || place.block === this.#lastBlock) return;
    this.#lastBlock = place.block;
    // Asked again after the answer: another read may have warned while this one waited.
    if ((await place.hasMarkedSector()) || this.#hasWarnedOfEmptyBitmap) return;
    this.#hasWarnedOfEmptyBitmap = true;
    this.#options.onWarning?.({
      code: 'empty-bitmap',
      message: `DATA MAY BE MISSING: the sector bitmap of block ${place.block} of ${this.#path} marks no sector at all, but the block holds data. The program that made the image probably does not keep its bitmaps, and what it wrote is read as zeros. Check the disk, and use --trust-unmarked-sectors to read the data.`,
    });
  }

  /** Says how many there were. Sectors that were read twice count twice. */
  report(): void {
    if (this.#count === 0) return;
    this.#options.onDebug?.(`${this.#path}: ${this.#count} sectors with data, but not marked, were read as zeros.`);
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}
