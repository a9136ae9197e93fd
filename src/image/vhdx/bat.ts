// The block allocation table of a VHDX: where the contents of each block come from (MS-VHDX 2.5).
import { endOf, MIB } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { CorruptImageError, UnsupportedImageError } from '../../errors.ts';
import type { ImageBytes } from '../image-bytes.ts';
import { PagedTable } from '../paged-table.ts';
import { BASE_SOURCES, type Block, CHILD_SOURCES, FULLY_PRESENT, offsetAt, stateAt } from './bat-entry.ts';
import type { DiskParameters } from './metadata.ts';
import type { Region, Regions } from './region-table.ts';
import { UsedSpace } from './used-space.ts';

const ENTRY_LENGTH = 8;
/** Of the table, looked at with one comparison before its entries are looked at one by one. */
const PIECE_LENGTH = 4096;

/** A sector bitmap block has 1 MiB, and a bit for each sector of its chunk. */
const SECTOR_BITMAP_LENGTH = MIB;
const SECTORS_PER_CHUNK = 8 * SECTOR_BITMAP_LENGTH;

/** Tables up to this length (1 TiB in blocks of 2 MiB) are checked whole at open; a larger one as it is walked, and entry by entry as it is read. */
const CHECKED_AT_OPEN = 4 * MIB;

/** Twice the largest disk. Keeps the map of the space in use below 16 MiB. */
const MAX_FILE_LENGTH = 128 * 1024 * 1024 * MIB;

/** Blocks in a row whose contents come from the same place. */
export interface BlockRun {
  readonly source: Block['source'];
  readonly first: number;
  readonly count: number;
}

/** The table, read in slices as it is needed. */
export class BlockAllocationTable {
  readonly blockSize: number;
  readonly blockCount: number;
  /** Blocks that share one sector bitmap block: a chunk. */
  readonly chunkRatio: number;
  /** Entries that the disk needs. The region may have room for more. */
  readonly entryCount: number;
  readonly #file: ImageBytes;
  readonly #diskSize: number;
  readonly #hasParent: boolean;
  readonly #regions: readonly Region[];
  readonly #sources: readonly (Block['source'] | undefined)[];
  readonly #table: PagedTable;

  /**
   * @throws {CorruptImageError} the region is too small for the disk.
   * @throws {UnsupportedImageError} the file is longer than any VHDX is.
   */
  constructor(file: ImageBytes, regions: Regions, disk: DiskParameters) {
    this.blockSize = disk.blockSize;
    this.blockCount = Math.ceil(disk.size / disk.blockSize);
    this.chunkRatio = (SECTORS_PER_CHUNK * disk.logicalSectorSize) / disk.blockSize;
    this.#hasParent = disk.parentLocator !== undefined;
    // A base file may leave out the last chunk's sector bitmap entry, and the unused entries before it.
    this.entryCount = this.#hasParent
      ? Math.ceil(this.blockCount / this.chunkRatio) * (this.chunkRatio + 1)
      : this.blockCount + Math.floor((this.blockCount - 1) / this.chunkRatio);
    this.#sources = this.#hasParent ? CHILD_SOURCES : BASE_SOURCES;
    this.#file = file;
    this.#diskSize = disk.size;
    this.#regions = regions.all;
    this.#table = new PagedTable(file, regions.bat.offset, this.entryCount * ENTRY_LENGTH);
    if (this.entryCount * ENTRY_LENGTH > regions.bat.length) {
      throw new CorruptImageError(
        `Cannot read ${printable(file.path)}: the BAT of a disk of ${disk.size} bytes must have ${this.entryCount} entries, but its region has room for ${regions.bat.length / ENTRY_LENGTH}.`,
      );
    }
    if (file.size > MAX_FILE_LENGTH) {
      throw new UnsupportedImageError(
        `Cannot read ${printable(file.path)}: a VHDX may have ${MAX_FILE_LENGTH} bytes, and this file has ${file.size}.`,
      );
    }
  }

  /** @throws {CorruptImageError} the block is in a state that does not exist, or lies where no block can. */
  block(index: number): Promise<Block> {
    return this.#block(index).catch(async (error: unknown) => {
      throw await this.#explain(error);
    });
  }

  async #block(index: number): Promise<Block> {
    const entry = index + Math.floor(index / this.chunkRatio);
    const { view, offset: at } = await this.#table.at(entry * ENTRY_LENGTH);
    const source = this.#sourceOf(view, at, entry);
    if (source === 'zeros' || source === 'parent') return { source };
    const offset = this.#placeOf(view, at, entry, index);
    this.#checkRegions(offset, this.blockSize, entry);
    return { source, offset };
  }

  /**
   * Offset in the file of the sector bitmap of a chunk.
   * @throws {CorruptImageError} there is none, or it lies where it cannot.
   */
  sectorBitmap(chunk: number): Promise<number> {
    return this.#sectorBitmap(chunk).catch(async (error: unknown) => {
      throw await this.#explain(error);
    });
  }

  async #sectorBitmap(chunk: number): Promise<number> {
    const entry = chunk * (this.chunkRatio + 1) + this.chunkRatio;
    const { view, offset: at } = await this.#table.at(entry * ENTRY_LENGTH);
    const state = stateAt(view, at);
    if (state !== FULLY_PRESENT) {
      throw this.#corrupt(
        entry,
        `the chunk has a partially present block, so its sector bitmap must be present (state 6), but its state is ${state}`,
      );
    }
    const offset = offsetAt(view, at);
    this.#checkEnd(offset, SECTOR_BITMAP_LENGTH, entry);
    this.#checkRegions(offset, SECTOR_BITMAP_LENGTH, entry);
    return offset;
  }

  /**
   * All blocks of the disk, ascending, in runs. Each entry is checked on the way, also that no two lie in one place.
   * @throws {CorruptImageError}
   */
  async *runs(): AsyncGenerator<BlockRun> {
    try {
      yield* this.#walk();
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  async *#walk(): AsyncGenerator<BlockRun> {
    const used = new UsedSpace(this.#file.size);
    for (const region of this.#regions) used.claim(region);
    let pending: BlockRun | undefined;
    for (let entry = 0; entry < this.entryCount; ) {
      const { view } = await this.#table.at(entry * ENTRY_LENGTH);
      for (let offset = 0; offset < view.byteLength; offset += PIECE_LENGTH) {
        const piece = new DataView(view.buffer, offset, Math.min(PIECE_LENGTH, view.byteLength - offset));
        for (const run of this.#runsOfPiece(piece, entry, used)) {
          if (pending?.source === run.source) {
            pending = { ...pending, count: pending.count + run.count };
          } else {
            if (pending !== undefined) yield pending;
            pending = run;
          }
        }
        entry += piece.byteLength / ENTRY_LENGTH;
      }
    }
    if (pending !== undefined) yield pending;
  }

  /** The runs of the entries from `first` on, which are all in `view`. Never waits: the largest table has 64 Mi entries. */
  #runsOfPiece(view: DataView, first: number, used: UsedSpace): BlockRun[] {
    const runs: BlockRun[] = [];
    const perChunk = this.chunkRatio + 1;
    let index = first - Math.floor(first / perChunk);
    if (isZero(view)) {
      // Most of the table of a large disk: neither blocks nor bitmaps, in one look instead of thousands.
      const end = first + view.byteLength / ENTRY_LENGTH;
      const count = Math.min(end - Math.floor(end / perChunk), this.blockCount) - index;
      return count <= 0 ? [] : [{ source: this.#sourceOf(view, 0, first), first: index, count }];
    }
    let source: Block['source'] | undefined;
    let start = index;
    for (let at = 0, entry = first; at < view.byteLength; at += ENTRY_LENGTH, entry++) {
      if (entry % perChunk === this.chunkRatio) {
        this.#checkBitmap(view, at, entry, used);
        continue;
      }
      // Between the last block and the last chunk's bitmap there are entries for no block.
      if (index >= this.blockCount) continue;
      const next = this.#sourceOf(view, at, entry);
      if (next === 'file' || next === 'partial') {
        this.#claim(this.#placeOf(view, at, entry, index), this.blockSize, entry, used);
      }
      if (next !== source) {
        if (source !== undefined) runs.push({ source, first: start, count: index - start });
        source = next;
        start = index;
      }
      index++;
    }
    if (source !== undefined) runs.push({ source, first: start, count: index - start });
    return runs;
  }

  /** Checks all entries now, unless there are so many that it would keep the first byte waiting. @throws {CorruptImageError} */
  async check(): Promise<void> {
    if (this.entryCount * ENTRY_LENGTH > CHECKED_AT_OPEN) return;
    const runs = this.runs();
    while ((await runs.next()).done !== true);
  }

  #sourceOf(view: DataView, at: number, entry: number): Block['source'] {
    const state = stateAt(view, at);
    const source = this.#sources[state];
    if (source === undefined) throw this.#corrupt(entry, `it has the state ${state}, which does not exist`);
    return source;
  }

  /** Where a block begins that is in the file. */
  #placeOf(view: DataView, at: number, entry: number, index: number): number {
    const offset = offsetAt(view, at);
    // Programs cut off the end of the last block where the disk ends in it.
    this.#checkEnd(offset, Math.min(this.blockSize, this.#diskSize - index * this.blockSize), entry);
    return offset;
  }

  /** A base file has no sector bitmaps, and old versions of qemu-img leave random values in their entries. */
  #checkBitmap(view: DataView, at: number, entry: number, used: UsedSpace): void {
    if (!this.#hasParent || stateAt(view, at) !== FULLY_PRESENT) return;
    const offset = offsetAt(view, at);
    this.#checkEnd(offset, SECTOR_BITMAP_LENGTH, entry);
    this.#claim(offset, SECTOR_BITMAP_LENGTH, entry, used);
  }

  #checkEnd(offset: number, length: number, entry: number): void {
    const end = offset + length;
    if (end <= this.#file.size) return;
    if (end <= MAX_FILE_LENGTH) throw new BeyondEndError(entry, end);
    throw this.#corrupt(entry, `its block must end inside the file, but starts at ${offset} of ${this.#file.size}`);
  }

  /** Says of a block after the end of the file how long the file should be. Other errors stay as they are. */
  async #explain(error: unknown): Promise<unknown> {
    if (!(error instanceof BeyondEndError)) return error;
    const { path, size } = this.#file;
    const needed = await this.#neededLength(error.end);
    return new CorruptImageError(
      `Cannot read ${printable(path)}: the file was cut: it has ${size} bytes, its blocks need ${needed} (BAT entry ${error.entry}, ${this.#nameOf(error.entry)}, ends at ${error.end}). Copy it again, and compare its length with that of its source.`,
    );
  }

  /** Where the last block ends that the table names; only of a table that is checked at open. At least `known`. */
  async #neededLength(known: number): Promise<number> {
    if (this.entryCount * ENTRY_LENGTH > CHECKED_AT_OPEN) return known;
    let needed = known;
    for (let entry = 0; entry < this.entryCount; ) {
      const { view } = await this.#table.at(entry * ENTRY_LENGTH);
      for (let at = 0; at < view.byteLength; at += ENTRY_LENGTH, entry++) {
        const end = this.#endOfEntry(view, at, entry);
        if (end <= MAX_FILE_LENGTH) needed = Math.max(needed, end);
      }
    }
    return needed;
  }

  /** Where in the file ends what an entry names, or 0 where it names nothing. */
  #endOfEntry(view: DataView, at: number, entry: number): number {
    const perChunk = this.chunkRatio + 1;
    const state = stateAt(view, at);
    if (entry % perChunk === this.chunkRatio) {
      return this.#hasParent && state === FULLY_PRESENT ? offsetAt(view, at) + SECTOR_BITMAP_LENGTH : 0;
    }
    const source = this.#sources[state];
    const index = entry - Math.floor(entry / perChunk);
    if ((source !== 'file' && source !== 'partial') || index >= this.blockCount) return 0;
    return offsetAt(view, at) + Math.min(this.blockSize, this.#diskSize - index * this.blockSize);
  }

  #claim(offset: number, length: number, entry: number, used: UsedSpace): void {
    if (used.claim({ offset, length })) return;
    this.#checkRegions(offset, length, entry);
    throw this.#corrupt(entry, `its block at ${offset} overlaps another block`);
  }

  #checkRegions(offset: number, length: number, entry: number): void {
    const region = this.#regions.find((one) => one.offset < offset + length && endOf(one) > offset);
    if (region !== undefined) throw this.#corrupt(entry, `its block at ${offset} lies in ${region.name}`);
  }

  #nameOf(entry: number): string {
    const chunk = Math.floor(entry / (this.chunkRatio + 1));
    const isBitmap = entry - chunk * (this.chunkRatio + 1) === this.chunkRatio;
    return isBitmap ? 'a sector bitmap' : `block ${entry - chunk}`;
  }

  #corrupt(entry: number, problem: string): CorruptImageError {
    return new CorruptImageError(
      `Cannot read BAT entry ${entry} (${this.#nameOf(entry)}) of ${printable(this.#file.path)}: ${problem}.`,
    );
  }
}

/** A block that ends after the file, at a place where a block can be: the file was cut. */
class BeyondEndError extends Error {
  readonly entry: number;
  readonly end: number;

  constructor(entry: number, end: number) {
    super(`BAT entry ${entry} ends at ${end}`);
    this.entry = entry;
    this.end = end;
  }
}

const ZEROS = Buffer.alloc(PIECE_LENGTH);

function isZero({ buffer, byteOffset, byteLength }: DataView): boolean {
  return ZEROS.compare(new Uint8Array(buffer, byteOffset, byteLength), 0, byteLength, 0, byteLength) === 0;
}
