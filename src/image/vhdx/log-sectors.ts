// The log region of a VHDX: a ring of 4 KiB sectors (MS-VHDX 2.3).
import { MIB } from '../../base/byte-range.ts';
import type { ImageBytes } from '../image-bytes.ts';
import type { VhdxHeader } from './headers.ts';

/** Every offset and length in a log, and in its writes, is a multiple of this many bytes. */
export const LOG_SECTOR = 4096;

/** Bytes read at once: the whole of an ordinary log. */
const WINDOW = MIB;

/** Reads sectors by their offset in the log, optimised for forward reads; a step back costs a read of up to 1 MiB. */
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

  /** The 4096 bytes at `offset`, which may wrap around the end of the ring. A view: the next call may overwrite it. */
  async at(offset: number): Promise<Uint8Array> {
    const inRing = offset % this.length;
    // A log consists of whole MiBs, so a window never extends beyond it.
    const windowAt = inRing - (inRing % WINDOW);
    if (windowAt !== this.#windowAt) {
      this.#windowAt = -1;
      await this.#file.read(this.start + windowAt, this.#window);
      this.#windowAt = windowAt;
    }
    return this.#window.subarray(inRing - windowAt, inRing - windowAt + LOG_SECTOR);
  }

  /** Offset in the file of the sector at `offset` of the log. */
  positionOf(offset: number): number {
    return this.start + (offset % this.length);
  }
}
