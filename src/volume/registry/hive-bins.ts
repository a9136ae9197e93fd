// HiveBins: the bytes behind the base block of a hive, as the transaction logs left them.
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import { BASE_BLOCK_LENGTH, SECTOR } from './base-block.ts';
import { exactly, type RangedFile } from './ranged-file.ts';
import type { Place, ReplayedSectors } from './replayed-sectors.ts';

const PAGE = 4096;

/** 2 MiB. 44 keys of a real SYSTEM hive need fewer than 200 pages. */
const MAX_PAGES = 512;

/**
 * Cost of all reads from one hive at most: a read costs 1, and each page of it 1 more. A damaged hive can have many names
 * with the same hash, or values that share their data. To read all 43,000 keys of a real hive costs 1.3 million.
 */
const MAX_COST = 8_000_000;

interface Piece extends Place {
  length: number;
}

/** Offsets count from the end of the base block, as in all structures of a hive. */
export class HiveBins {
  /** In bytes. */
  readonly size: number;
  readonly #file: RangedFile;
  readonly #replayed: ReplayedSectors;
  /** The least recently used page first. */
  readonly #pages = new Map<number, Buffer>();
  #left: number;

  /** `size` and `replayed` are those after the replay of the logs. */
  constructor(file: RangedFile, size: number, replayed: ReplayedSectors, maxCost = MAX_COST) {
    this.#file = file;
    this.size = size;
    this.#replayed = replayed;
    this.#left = maxCost;
  }

  /** A copy. @throws {UnreadableError} */
  async read(offset: number, length: number): Promise<Buffer> {
    if (offset + length > this.size) {
      throw new UnreadableError(`${length} bytes at ${offset} are beyond its end at ${this.size}`);
    }
    this.#left -= 1 + Math.ceil(length / PAGE);
    if (this.#left < 0) {
      throw new UnreadableError('reading it takes too long: many of its structures share their data');
    }
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const page = await this.#page(at - (at % PAGE));
      done += page.copy(bytes, done, at % PAGE);
    }
    return bytes;
  }

  async #page(offset: number): Promise<Buffer> {
    const known = this.#pages.get(offset);
    this.#pages.delete(offset);
    const page = known ?? (await this.#readPage(offset));
    this.#pages.set(offset, page);
    if (this.#pages.size > MAX_PAGES) {
      const [oldest] = this.#pages.keys();
      if (oldest !== undefined) this.#pages.delete(oldest);
    }
    return page;
  }

  /** Reads adjacent sectors at once: most pages lie in one piece, in the file or in a log. */
  async #readPage(offset: number): Promise<Buffer> {
    const pieces: Piece[] = [];
    for (let at = offset; at < offset + PAGE; at += SECTOR) {
      const place = this.#replayed.locate(at) ?? { file: this.#file, offset: BASE_BLOCK_LENGTH + at };
      const last = pieces.at(-1);
      if (last?.file === place.file && last.offset + last.length === place.offset) last.length += SECTOR;
      else pieces.push({ ...place, length: SECTOR });
    }
    const contents: Buffer[] = [];
    for (const piece of pieces) contents.push(await exactly(piece.file, piece.offset, piece.length));
    return Buffer.concat(contents);
  }
}
