// The extents of a VHDX: its own blocks, without holes of the file, and the extents of the parent for blocks that come from the parent.
import { type ByteRange, endOf } from '../../base/byte-range.ts';
import type { Extent } from '../disk-image.ts';
import type { ImageFile } from '../image-file.ts';
import type { BlockAllocationTable, BlockRun } from './bat.ts';

/**
 * The extents, ascending and apart, of a disk of `size` bytes with runs of blocks of `blockSize` bytes. Zero blocks hide the parent's extents.
 * @param parentExtents Ascending and apart. They may extend beyond the disk.
 */
export async function* blockExtents(
  runs: AsyncIterable<BlockRun>,
  { blockSize, size }: { blockSize: number; size: number },
  parentExtents: AsyncIterable<Extent> | undefined,
): AsyncGenerator<Extent> {
  const parent = parentExtents === undefined ? undefined : new ExtentCursor(parentExtents);
  let current: Extent | undefined;
  try {
    for await (const { source, first, count } of runs) {
      const offset = first * blockSize;
      const range = { offset, length: Math.min(count * blockSize, size - offset) };
      for await (const extent of extentsOf(source, range, parent)) {
        if (current !== undefined && endOf(current) === extent.offset) {
          current = { offset: current.offset, length: current.length + extent.length };
        } else {
          if (current !== undefined) yield current;
          current = extent;
        }
      }
    }
    if (current !== undefined) yield current;
  } finally {
    await parent?.close();
  }
}

/** @param extents - Blocks that are all stored in `file`. */
export async function* withoutHoles(
  extents: AsyncIterable<Extent>,
  bat: Pick<BlockAllocationTable, 'block' | 'blockSize'>,
  file: Pick<ImageFile, 'dataRanges'>,
): AsyncGenerator<Extent> {
  for await (const extent of extents) {
    for await (const { offset, length, position } of storedRows(extent, bat)) {
      for await (const data of file.dataRanges({ offset: position, length })) {
        yield { offset: offset + data.offset - position, length: data.length };
      }
    }
  }
}

/** A part of the disk that is contiguous in the file. */
interface StoredRow extends ByteRange {
  /** Offset in the file. */
  readonly position: number;
}

/** Joins consecutive blocks that are also consecutive in the file. */
async function* storedRows(
  extent: Extent,
  bat: Pick<BlockAllocationTable, 'block' | 'blockSize'>,
): AsyncGenerator<StoredRow> {
  let row: StoredRow | undefined;
  for (let offset = extent.offset; offset < endOf(extent); offset += bat.blockSize) {
    const block = await bat.block(offset / bat.blockSize);
    if (!('offset' in block)) throw new RangeError(`Block ${offset / bat.blockSize} is not in the file.`);
    const length = Math.min(bat.blockSize, endOf(extent) - offset);
    if (row !== undefined && row.position + row.length === block.offset) {
      row = { ...row, length: row.length + length };
    } else {
      if (row !== undefined) yield row;
      row = { offset, length, position: block.offset };
    }
  }
  if (row !== undefined) yield row;
}

async function* extentsOf(
  source: BlockRun['source'],
  range: ByteRange,
  parent: ExtentCursor | undefined,
): AsyncGenerator<Extent> {
  if (source === 'file' || source === 'partial') yield range;
  else if (source === 'parent' && parent !== undefined) yield* parent.within(range);
}

/** Reads a stream of extents once, forwards. */
class ExtentCursor {
  readonly #extents: AsyncIterator<Extent>;
  #next: IteratorResult<Extent> | undefined;

  constructor(extents: AsyncIterable<Extent>) {
    this.#extents = extents[Symbol.asyncIterator]();
  }

  /** The parts of the extents in `range`, which must lie after the ranges of all earlier calls. */
  async *within(range: ByteRange): AsyncGenerator<Extent> {
    this.#next ??= await this.#extents.next();
    while (this.#next.done !== true && this.#next.value.offset < endOf(range)) {
      const offset = Math.max(this.#next.value.offset, range.offset);
      const end = Math.min(endOf(this.#next.value), endOf(range));
      if (offset < end) yield { offset, length: end - offset };
      if (endOf(this.#next.value) > endOf(range)) return;
      this.#next = await this.#extents.next();
    }
  }

  async close(): Promise<void> {
    await this.#extents.return?.();
  }
}
