// BlockImage: a dynamic image, whose blocks get their place in the file when they are first written to.
import { type ByteRange, endOf } from '../base/byte-range.ts';
import type { PageRun } from '../base/page-run.ts';
import type { BlockLayout, PlacedBytes } from '../image/block-layout.ts';
import { LocalFile } from './local-file.ts';
import type { LocalImage, LocalImageOptions, LocalImageState } from './local-image.ts';

/** The unit in which changes of the BAT are written, in bytes. A multiple of the length of every entry. */
const SLICE_LENGTH = 4096;

/**
 * The BAT is in memory and reaches the file with each checkpoint, after the data. Entries never change once they are set, so the
 * BAT in the file is valid up to the end of the last checkpoint at every moment: entries of later blocks name a later position.
 */
export class BlockImage implements LocalImage {
  readonly #file: LocalFile;
  readonly #layout: BlockLayout;
  readonly #table: DataView;
  /** Numbers of the slices of the table that differ from the file. */
  readonly #changed = new Set<number>();
  /** The block headers that are being written. A failed one stays here, so that no later write succeeds behind a missing header. */
  readonly #headers = new Map<number, Promise<void>>();
  /** Offset of the next block. */
  #end: number;
  /** Length of the complete file, once it is known. */
  #length: number | undefined;
  /** The last checkpoint. After a failed one, all others fail. */
  #saved: Promise<unknown> = Promise.resolve();

  private constructor(file: LocalFile, layout: BlockLayout, end: number) {
    this.#file = file;
    this.#layout = layout;
    this.#table = new DataView(new ArrayBuffer(layout.tableLength));
    this.#end = end;
  }

  static async open(layout: BlockLayout, options: LocalImageOptions): Promise<BlockImage> {
    const { path, overwrite, resume } = options;
    if (resume === undefined) {
      const file = await LocalFile.create(path, layout.firstBlock, overwrite, options);
      const image = new BlockImage(file, layout, layout.firstBlock);
      await image.#begin();
      return image;
    }
    const file = await LocalFile.reopen(path, resume.temporary, overwrite);
    const image = new BlockImage(file, layout, resume.end);
    await image.#restore(resume);
    return image;
  }

  get path(): string {
    return this.#file.path;
  }

  get capabilities(): LocalFile['capabilities'] {
    return this.#file.capabilities;
  }

  get size(): number {
    return this.#length ?? this.#end;
  }

  async write({ range, bytes }: PageRun): Promise<void> {
    const { blockHeader } = this.#layout;
    for (const { block, inBlock, start, length } of this.#partsOf(range)) {
      const position = this.#positionOf(block);
      await this.#headers.get(block);
      await this.#file.writeAt(position + blockHeader.length + inBlock, bytes.subarray(start, start + length));
    }
  }

  async read(range: ByteRange, into: Uint8Array): Promise<void> {
    const { blockHeader } = this.#layout;
    // The last block may be written only in part.
    if ((await this.#file.length()) < this.#end) await this.#file.truncate(this.#end);
    for (const { block, inBlock, start, length } of this.#partsOf(range)) {
      const position = this.#layout.positionAt(this.#table, this.#layout.entryOf(block));
      const part = into.subarray(start, start + length);
      if (position === undefined) part.fill(0);
      else await this.#file.readAt(position + blockHeader.length + inBlock, part);
    }
  }

  /** The range by blocks. `start` is relative to the range. */
  *#partsOf(range: ByteRange): Generator<{ block: number; inBlock: number; start: number; length: number }> {
    const { blockSize } = this.#layout;
    for (let offset = range.offset; offset < endOf(range); ) {
      const inBlock = offset % blockSize;
      const length = Math.min(endOf(range) - offset, blockSize - inBlock);
      yield { block: (offset - inBlock) / blockSize, inBlock, start: offset - range.offset, length };
      offset += length;
    }
  }

  checkpoint(): Promise<LocalImageState> {
    const saved = this.#saved.then(() => this.#save());
    this.#saved = saved;
    return saved;
  }

  async finish(): Promise<void> {
    // Nothing that makes the file valid is written before all that it names is durable.
    await this.checkpoint();
    const { length, structures } = this.#layout.seal(this.#end);
    this.#length = length;
    // The last block may be written only in part, but must be in the file as a whole.
    await this.#file.truncate(length);
    await this.#writeAll(structures);
    await this.#file.finish();
  }

  abandon(): Promise<undefined> {
    return this.#file.abandon();
  }

  keep(): Promise<void> {
    return this.#file.keep();
  }

  /** The position of a block, which gets one if it has none. */
  #positionOf(block: number): number {
    const { blockCount, blockHeader, stride } = this.#layout;
    if (block >= blockCount) throw new RangeError(`The disk has ${blockCount} blocks, so it has no block ${block}.`);
    const at = this.#layout.entryOf(block);
    const known = this.#layout.positionAt(this.#table, at);
    if (known !== undefined) return known;
    const position = this.#end;
    this.#end += stride;
    this.#layout.setPositionAt(this.#table, at, position);
    this.#changed.add(Math.floor(at / SLICE_LENGTH));
    if (blockHeader.length > 0) {
      const written = this.#file.writeAt(position, blockHeader).then(() => void this.#headers.delete(block));
      this.#headers.set(block, written);
    }
    return position;
  }

  async #save(): Promise<LocalImageState> {
    // All of this is taken at one moment. Blocks that are allocated later belong to the next checkpoint.
    const end = this.#end;
    const slices = this.#takeChanges();
    await Promise.all(this.#headers.values());
    const length = await this.#file.length();
    await this.#file.sync();
    await this.#writeAll(slices);
    if (slices.length > 0) await this.#file.sync();
    return { temporary: this.#file.temporaryName, end, length };
  }

  /** A copy of the slices of the table that have changed. Neighbours are one piece. */
  #takeChanges(): PlacedBytes[] {
    const numbers = [...this.#changed].sort((one, other) => one - other);
    this.#changed.clear();
    const pieces: PlacedBytes[] = [];
    let first = 0;
    for (const [index, number] of numbers.entries()) {
      if (numbers[index + 1] === number + 1) continue;
      const start = (numbers[first] ?? number) * SLICE_LENGTH;
      const end = Math.min((number + 1) * SLICE_LENGTH, this.#table.byteLength);
      const bytes = new Uint8Array(this.#table.buffer.slice(start, end));
      pieces.push({ offset: this.#layout.tableOffset + start, bytes });
      first = index + 1;
    }
    return pieces;
  }

  async #writeAll(pieces: readonly PlacedBytes[]): Promise<void> {
    for (const { offset, bytes } of pieces) await this.#file.writeAt(offset, bytes);
  }

  /** Writes the structures of an empty image. */
  async #begin(): Promise<void> {
    const { emptyByte, structures, tableOffset } = this.#layout;
    const table = new Uint8Array(this.#table.buffer).fill(emptyByte);
    try {
      await this.#writeAll(structures);
      // The new file reads as zeros.
      if (emptyByte !== 0) await this.#file.writeAt(tableOffset, table);
    } catch (error) {
      await this.#file.abandon();
      throw error;
    }
  }

  /** Reads the BAT of the temporary file, and drops what was written after its checkpoint. */
  async #restore(state: LocalImageState): Promise<void> {
    try {
      await this.#checkStructures(state);
      await this.#file.readAt(this.#layout.tableOffset, new Uint8Array(this.#table.buffer));
      this.#dropLaterBlocks();
      // Also extends the file: the last block may be written only in part. New blocks must read as zeros.
      await this.#file.truncate(this.#end);
    } catch (error) {
      await this.#file.keep();
      throw error;
    }
  }

  async #checkStructures(state: LocalImageState): Promise<void> {
    const { blockCount, firstBlock, stride, structures } = this.#layout;
    const blocks = (state.end - firstBlock) / stride;
    if (!Number.isInteger(blocks) || blocks < 0 || blocks > blockCount) {
      throw this.#file.notResumable(`its blocks cannot end at ${state.end}`);
    }
    const length = await this.#file.length();
    if (length < Math.max(state.length, firstBlock)) {
      throw this.#file.notResumable(`it must have at least ${state.length} bytes, but has ${length}`);
    }
    for (const { offset, bytes } of structures) {
      const found = new Uint8Array(bytes.length);
      await this.#file.readAt(offset, found);
      if (Buffer.compare(found, bytes) !== 0) {
        throw this.#file.notResumable(`the structure at ${offset} belongs to another image`);
      }
    }
  }

  #dropLaterBlocks(): void {
    const { blockCount, firstBlock, stride } = this.#layout;
    const used = new Uint8Array((this.#end - firstBlock) / stride);
    for (let block = 0; block < blockCount; block++) {
      const at = this.#layout.entryOf(block);
      const position = this.#layout.positionAt(this.#table, at);
      if (position === undefined) continue;
      if (position >= this.#end) {
        this.#layout.setPositionAt(this.#table, at, undefined);
        this.#changed.add(Math.floor(at / SLICE_LENGTH));
        continue;
      }
      const place = (position - firstBlock) / stride;
      if (used[place] !== 0) throw this.#file.notResumable(`its BAT has an impossible entry for block ${block}`);
      used[place] = 1;
    }
    if (used.includes(0)) throw this.#file.notResumable('its BAT lacks entries of the checkpoint');
  }
}
