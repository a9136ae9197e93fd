// The log region of a VHDX as what it is: a ring of 4 KiB sectors (MS-VHDX 2.3).
import { MIB } from '../../base/byte-range.ts';
import type { ImageBytes } from '../image-bytes.ts';
import type { VhdxHeader } from './headers.ts';

/** Everything in a log is a multiple of this many bytes, and so is everything that it writes to. */
export const LOG_SECTOR = 4096;

/** Read at a time: the whole of an ordinary log. */
const WINDOW = MIB;

/** Sectors by their offset in the log. Made for reading onwards; going back costs a read of up to 1 MiB. */
export class LogSectors {
  /** Offset of the log in the file, and its length, in bytes. */
  readonly start: number;
  readonly length: number;
  readonly #file: ImageBytes;
  readonly #window = new Uint8Array(WINDOW);
  #windowAt = -1;

  constructor(file: ImageBytes, header: VhdxHeader) {
    this.#file = file;
    this.start = header.logOffset;
    this.length = header.logLength;
  }

  /** The 4096 bytes at `offset`, which may go round the end of the ring. A view: the next call may overwrite it. */
  async at(offset: number): Promise<Uint8Array> {
    const inRing = offset % this.length;
    // A log consists of whole MiBs, so a window never goes beyond it.
    const windowAt = inRing - (inRing % WINDOW);
    if (windowAt !== this.#windowAt) {
      this.#windowAt = -1;
      await this.#file.read(this.start + windowAt, this.#window);
      this.#windowAt = windowAt;
    }
    return this.#window.subarray(inRing - windowAt, inRing - windowAt + LOG_SECTOR);
  }

  /** Where the sector at `offset` of the log is in the file. */
  positionOf(offset: number): number {
    return this.start + (offset % this.length);
  }
}
