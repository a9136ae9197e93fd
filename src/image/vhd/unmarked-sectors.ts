// Detects sectors of a dynamic VHD that contain data although their bitmap marks them as never written.

import { printable } from '../../base/printable.ts';
import type { DiskImage, OpenDiskImageOptions } from '../disk-image.ts';

const SECTOR_SIZE = 512;
const ZEROS = Buffer.alloc(64 * 1024);

/** The place of the data. */
export interface UnmarkedPlace {
  readonly block: number;
  /** Offset of the first examined byte in the disk. */
  readonly offset: number;
  /** Whether the bitmap of the block marks any sector at all. */
  readonly hasMarkedSector: () => Promise<boolean>;
}

/** Counts such sectors and warns about the first. Depending on the writer, reading them as zeros is correct or loses data. */
export class UnmarkedSectors {
  readonly #path: string;
  readonly #options: OpenDiskImageOptions;
  #count = 0;
  #hasWarned = false;
  #hasWarnedOfEmptyBitmap = false;
  /** The block whose bitmap was examined last: one check covers all of its sectors. */
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
        message: `Block ${place.block} of ${this.#path} contains data in sectors that its sector bitmap marks as never written, the first at ${offset} of the disk. They are read as zeros, as the specification requires: usually they are remains of older data. If the program that wrote the image does not maintain its bitmaps, use --trust-unmarked-sectors to read the data.`,
      });
    }
    if (this.#hasWarnedOfEmptyBitmap || place.block === this.#lastBlock) return;
    this.#lastBlock = place.block;
    // Checked again after the await: another read may have warned in the meantime.
    if ((await place.hasMarkedSector()) || this.#hasWarnedOfEmptyBitmap) return;
    this.#hasWarnedOfEmptyBitmap = true;
    this.#options.onWarning?.({
      code: 'empty-bitmap',
      message: `DATA MAY BE MISSING: the sector bitmap of block ${place.block} of ${this.#path} marks no sector at all, but the block contains data. The program that wrote the image probably does not maintain its bitmaps, and its data is read as zeros. Check the disk, and use --trust-unmarked-sectors to read the data.`,
    });
  }

  /** Reports their number. A sector that was read twice counts twice. */
  report(): void {
    if (this.#count === 0) return;
    this.#options.onDebug?.(`${this.#path}: ${this.#count} unmarked sectors with data was read as zeros.`);
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}
