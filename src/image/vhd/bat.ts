// The block allocation table of a dynamic or differencing VHD: the place of each block of the disk in the file (VHD specification, "Block Allocation Table").
import { type ByteRange, endOf, MIB } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { CorruptImageError, UnsupportedImageError } from '../../errors.ts';
import type { Extent } from '../disk-image.ts';
import type { ImageFile } from '../image-file.ts';
import { PagedTable } from '../paged-table.ts';
import { ENTRY_LENGTH, UNALLOCATED } from './bat-entry.ts';
import { DYNAMIC_HEADER_LENGTH, type DynamicHeader } from './dynamic-header.ts';
import { FOOTER_LENGTH } from './footer.ts';
import { bitmapLengthOf } from './sector-bitmap.ts';

/** The limits for the blocks in the BAT, in bytes. */
export interface BatBounds {
  readonly diskSize: number;
  /** No block may end after this offset: the start of the footer, or the end of a file without one. */
  readonly dataEnd: number;
}

/** A part of a range of the disk: inside one block, or in consecutive blocks that are not in the file. */
export interface BlockPiece {
  readonly range: ByteRange;
  readonly block: number;
  /** Offset of the block in the file, where its sector bitmap begins; undefined if the file does not contain it. */
  readonly position: number | undefined;
}

const SECTOR_SIZE = 512;
/** 2^25, a BAT of 128 MiB. The largest disk in blocks of 2 MiB, the usual size, has 2^20. */
const MAX_ENTRIES = 2 ** 25;

/** The entries of the BAT that the size of the disk requires. Further entries of a longer BAT are ignored. */
export class Bat {
  readonly #file: ImageFile;
  readonly #table: PagedTable;
  readonly #tableRange: ByteRange;
  readonly #headerOffset: number;
  readonly #blockSize: number;
  readonly #entries: number;
  readonly #bounds: BatBounds;

  private constructor(file: ImageFile, header: DynamicHeader, bounds: BatBounds) {
    this.#file = file;
    this.#blockSize = header.blockSize;
    this.#headerOffset = header.offset;
    this.#entries = Math.ceil(bounds.diskSize / header.blockSize);
    this.#tableRange = { offset: header.tableOffset, length: this.#entries * ENTRY_LENGTH };
    this.#table = new PagedTable(file, this.#tableRange.offset, this.#tableRange.length);
    this.#bounds = bounds;
  }

  /**
   * Opens the BAT and checks every entry: each block must lie inside the file, apart from all others and from the structures
   * before it. The check uses 4 bytes of memory per block.
   * @throws {CorruptImageError} @throws {UnsupportedImageError} more than 2^25 blocks.
   */
  static async open(file: ImageFile, header: DynamicHeader, bounds: BatBounds): Promise<Bat> {
    const bat = new Bat(file, header, bounds);
    bat.#checkTable();
    await bat.#checkEntries();
    return bat;
  }

  /** Divides `range` of the disk into ascending pieces. */
  async *pieces(range: ByteRange): AsyncGenerator<BlockPiece> {
    const end = endOf(range);
    let offset = range.offset;
    while (offset < end) {
      const block = Math.floor(offset / this.#blockSize);
      const position = await this.#position(block);
      let next = (block + 1) * this.#blockSize;
      while (position === undefined && next < end && (await this.#position(next / this.#blockSize)) === undefined) {
        next += this.#blockSize;
      }
      next = Math.min(next, end);
      yield { range: { offset, length: next - offset }, block, position };
      offset = next;
    }
  }

  /** The blocks in the file, with neighbours merged, clipped to the end of the disk. */
  async *extents(): AsyncGenerator<Extent> {
    let start: number | undefined;
    for await (const { first, sectors } of this.#slices()) {
      for (const [index, sector] of sectors.entries()) {
        if (sector !== UNALLOCATED) start ??= first + index;
        else if (start !== undefined) {
          yield this.#extent(start, first + index);
          start = undefined;
        }
      }
    }
    if (start !== undefined) yield this.#extent(start, this.#entries);
  }

  #extent(firstBlock: number, endBlock: number): Extent {
    const offset = firstBlock * this.#blockSize;
    return { offset, length: Math.min(endBlock * this.#blockSize, this.#bounds.diskSize) - offset };
  }

  async #position(block: number): Promise<number | undefined> {
    const { view, offset } = await this.#table.at(block * ENTRY_LENGTH);
    const sector = view.getUint32(offset);
    return sector === UNALLOCATED ? undefined : sector * SECTOR_SIZE;
  }

  /** All entries, one slice of the table at a time. */
  async *#slices(): AsyncGenerator<{ first: number; sectors: Uint32Array }> {
    let first = 0;
    while (first < this.#entries) {
      const { view } = await this.#table.at(first * ENTRY_LENGTH);
      const sectors = new Uint32Array(view.byteLength / ENTRY_LENGTH);
      for (const index of sectors.keys()) sectors[index] = view.getUint32(index * ENTRY_LENGTH);
      yield { first, sectors };
      first += sectors.length;
    }
  }

  #checkTable(): void {
    const path = printable(this.#file.path);
    if (this.#entries > MAX_ENTRIES) {
      throw new UnsupportedImageError(
        `Cannot read the BAT of ${path}: a disk of ${this.#bounds.diskSize} bytes in blocks of ${this.#blockSize} has ${this.#entries} blocks, and vhdup reads at most ${MAX_ENTRIES}. Convert it to a larger block size.`,
      );
    }
    const { offset, length } = this.#tableRange;
    if (offset < FOOTER_LENGTH || offset + length > this.#file.size) {
      throw new CorruptImageError(
        `Cannot read the BAT of ${path}: it must lie between ${FOOTER_LENGTH} and the end of the file at ${this.#file.size}, but its ${length} bytes start at ${offset}. The file may have been truncated: copy it again.`,
      );
    }
  }

  async #checkEntries(): Promise<void> {
    const fullLength = bitmapLengthOf(this.#blockSize) + this.#blockSize;
    // A writer may end the file at the end of the disk, so the last block needs to be present only that far.
    const lastLength = fullLength - (this.#entries * this.#blockSize - this.#bounds.diskSize);
    const starts = new Uint32Array(this.#entries);
    let used = 0;
    let beyond: { readonly block: number; readonly end: number } | undefined;
    let needed = 0;
    for await (const { first, sectors } of this.#slices()) {
      for (const [index, sector] of sectors.entries()) {
        if (sector === UNALLOCATED) continue;
        const block = first + index;
        const isLast = block === this.#entries - 1;
        const stored = { offset: sector * SECTOR_SIZE, length: isLast ? lastLength : fullLength };
        needed = Math.max(needed, endOf(stored));
        // Without a footer at its end, the file was truncated. The missing length is known once all entries have been seen.
        if (endOf(stored) > this.#bounds.dataEnd && this.#bounds.dataEnd === this.#file.size) {
          beyond ??= { block, end: endOf(stored) };
        } else this.#checkEntry(block, stored);
        starts[used++] = sector;
      }
    }
    if (beyond !== undefined) throw this.#truncated(beyond, needed, fullLength);
    const sorted = starts.subarray(0, used).sort();
    for (let index = 1; index < used; index++) {
      const start = sorted[index - 1] ?? 0;
      const next = sorted[index] ?? 0;
      if ((next - start) * SECTOR_SIZE < fullLength) throw await this.#overlap(start, next, fullLength);
    }
  }

  /** Writers leave only small gaps before and between blocks. An entry far beyond that is itself damaged. */
  #truncated({ block, end }: { block: number; end: number }, needed: number, fullLength: number): CorruptImageError {
    const most = endOf(this.#tableRange) + this.#entries * (fullLength + MIB) + 64 * MIB;
    if (needed > most) {
      return this.#corruptEntry(block, `its block ends at ${end}, and the file at ${this.#file.size}`);
    }
    return new CorruptImageError(
      `Cannot read ${printable(this.#file.path)}: the file was truncated. It has ${this.#file.size} bytes; its blocks need ${needed} and the footer ${FOOTER_LENGTH} more (BAT entry ${block} ends at ${end}). Copy it again and compare its length with the source.`,
    );
  }

  #checkEntry(block: number, stored: ByteRange): void {
    const { dataEnd } = this.#bounds;
    if (endOf(stored) > dataEnd) {
      throw this.#corruptEntry(
        block,
        `its block of ${stored.length} bytes must end before the footer at ${dataEnd}, but starts at ${stored.offset}`,
      );
    }
    const structure = this.#structureAt(stored);
    if (structure !== undefined) {
      throw this.#corruptEntry(block, `its block at ${stored.offset} overlaps the ${structure}`);
    }
  }

  #structureAt(stored: ByteRange): string | undefined {
    if (stored.offset < FOOTER_LENGTH) return 'copy of the footer';
    if (overlap(stored, { offset: this.#headerOffset, length: DYNAMIC_HEADER_LENGTH })) return 'dynamic header';
    if (overlap(stored, this.#tableRange)) return 'BAT';
    return undefined;
  }

  async #overlap(start: number, next: number, length: number): Promise<CorruptImageError> {
    const blocks: number[] = [];
    for await (const { first, sectors } of this.#slices()) {
      for (const [index, sector] of sectors.entries())
        if (sector === start || sector === next) blocks.push(first + index);
    }
    const [one, other] = blocks;
    return this.#corruptEntry(
      one ?? 0,
      `its block overlaps that of entry ${other}: ${length} bytes at ${start * SECTOR_SIZE} and a block at ${next * SECTOR_SIZE}`,
    );
  }

  #corruptEntry(block: number, problem: string): CorruptImageError {
    return new CorruptImageError(`Cannot read BAT entry ${block} of ${printable(this.#file.path)}: ${problem}.`);
  }
}

function overlap(one: ByteRange, other: ByteRange): boolean {
  return one.offset < endOf(other) && other.offset < endOf(one);
}
