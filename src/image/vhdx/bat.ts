// The block allocation table of a VHDX: the source of the contents of each block (MS-VHDX 2.5).
import { endOf, MIB } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { CorruptImageError, UnsupportedImageError } from '../../errors.ts';
import type { ImageBytes } from '../image-bytes.ts';
import { PagedTable } from '../paged-table.ts';
import {
  BASE_SOURCES,
  type Block,
  CHILD_SOURCES,
  chunkRatioOf,
  ENTRY_LENGTH,
  entryOf,
  FULLY_PRESENT,
  offsetAt,
  SECTOR_BITMAP_LENGTH,
  stateAt,
} from './bat-entry.ts';
import type { DiskParameters } from './metadata.ts';
import type { Region, Regions } from './region-table.ts';
import { UsedSpace } from './used-space.ts';

/** Bytes of the table that are compared with zeros at once, before single entries are examined. */
const PIECE_LENGTH = 4096;

/** Tables up to this length (1 TiB in blocks of 2 MiB) are checked completely when opened. Larger ones are checked during a walk, and entry by entry when read. */
const CHECKED_AT_OPEN = 4 * MIB;

/** Twice the largest disk. Keeps the bitmap of used space below 16 MiB. */
const MAX_FILE_LENGTH = 128 * 1024 * 1024 * MIB;

/** Consecutive blocks with the same source. */
export interface BlockRun {
  readonly source: Block['source'];
  readonly first: number;
  readonly count: number;
}

/** The table, read in slices on demand. */
export class BlockAllocationTable {
  readonly blockSize: number;
  readonly blockCount: number;
  /** Blocks per chunk; the blocks of a chunk share one sector bitmap block. */
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
   * @throws {UnsupportedImageError} the file is longer than any VHDX can be.
   */
  constructor(file: ImageBytes, regions: Regions, disk: DiskParameters) {
    this.blockSize = disk.blockSize;
    this.blockCount = Math.ceil(disk.size / disk.blockSize);
    this.chunkRatio = chunkRatioOf(disk.logicalSectorSize, disk.blockSize);
    this.#hasParent = disk.parentLocator !== undefined;
    // A base file may leave out the last chunk's sector bitmap entry, and the unused entries before it.
    this.entryCount = this.#hasParent
      ? Math.ceil(this.blockCount / this.chunkRatio) * (this.chunkRatio + 1)
      : entryOf(this.blockCount - 1, this.chunkRatio) + 1;
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
        `Cannot read ${printable(file.path)}: a VHDX may have at most ${MAX_FILE_LENGTH} bytes, but this file has ${file.size}.`,
      );
    }
  }

  /** @throws {CorruptImageError} the block has an invalid state or an impossible offset. */
  block(index: number): Promise<Block> {
    return this.#block(index).catch(async (error: unknown) => {
      throw await this.#explain(error);
    });
  }

  async #block(index: number): Promise<Block> {
    const entry = entryOf(index, this.chunkRatio);
    const { view, offset: at } = await this.#table.at(entry * ENTRY_LENGTH);
    const source = this.#sourceOf(view, at, entry);
    if (source === 'zeros' || source === 'parent') return { source };
    const offset = this.#placeOf(view, at, entry, index);
    this.#checkRegions(offset, this.blockSize, entry);
    return { source, offset };
  }

  /**
   * Offset in the file of the sector bitmap of a chunk.
   * @throws {CorruptImageError} the chunk has none, or its offset is impossible.
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
   * All blocks of the disk, ascending, in runs. Checks each entry on the way, including that no two blocks overlap.
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

  /** The runs of the entries from `first` on, which are all in `view`. Synchronous, because the largest table has 64 Mi entries. */
  #runsOfPiece(view: DataView, first: number, used: UsedSpace): BlockRun[] {
    const runs: BlockRun[] = [];
    const perChunk = this.chunkRatio + 1;
    let index = first - Math.floor(first / perChunk);
    if (isZero(view)) {
      // Most of the table of a large disk is zeros: neither blocks nor bitmaps, detected by one comparison.
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
      // The entries between the last block and the bitmap of the last chunk are unused.
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

  /** Checks all entries, unless the table is so large that this would delay the first read. @throws {CorruptImageError} */
  async check(): Promise<void> {
    if (this.entryCount * ENTRY_LENGTH > CHECKED_AT_OPEN) return;
    const runs = this.runs();
    while ((await runs.next()).done !== true);
  }

  #sourceOf(view: DataView, at: number, entry: number): Block['source'] {
    const state = stateAt(view, at);
    const source = this.#sources[state];
    if (source === undefined) throw this.#corrupt(entry, `its state is ${state}, which is not valid`);
    return source;
  }

  /** Offset in the file of a block that is stored there. */
  #placeOf(view: DataView, at: number, entry: number, index: number): number {
    const offset = offsetAt(view, at);
    // Some programs omit the part of the last block beyond the end of the disk.
    this.#checkEnd(offset, Math.min(this.blockSize, this.#diskSize - index * this.blockSize), entry);
    return offset;
  }

  /** Ignored in a base file: it has no sector bitmaps, and old versions of qemu-img leave random values in their entries. */
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
    throw this.#corrupt(
      entry,
      `its block must end before the end of the file at ${this.#file.size}, but starts at ${offset}`,
    );
  }

  /** Adds the required length of the file to the error for a block beyond its end. Other errors are returned unchanged. */
  async #explain(error: unknown): Promise<unknown> {
    if (!(error instanceof BeyondEndError)) return error;
    const { path, size } = this.#file;
    const needed = await this.#neededLength(error.end);
    return new CorruptImageError(
      `Cannot read ${printable(path)}: the file was truncated. It has ${size} bytes; its blocks need ${needed} (BAT entry ${error.entry}, ${this.#nameOf(error.entry)}, ends at ${error.end}). Copy it again and compare its length with the source.`,
    );
  }

  /** The end of the last block in the table, at least `known`. Larger tables, which are not checked when opened, are not searched. */
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

  /** The end of the block of an entry in the file, or 0 if the entry names none. */
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

/** A block ends beyond the end of the file at a possible offset: the file was truncated. */
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
