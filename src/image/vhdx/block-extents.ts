// The extents of a VHDX: its own blocks and, where it leaves the block to its parent, the parent's extents.
import { type ByteRange, endOf } from '../../byte-range.ts';
import type { Extent } from '../disk-image.ts';
import type { BlockRun } from './bat.ts';

/**
 * Ascending and apart, from runs of blocks of `blockSize` bytes, on a disk of `size` bytes. Blocks of zeros hide the parent's extents.
 * @param parentExtents Ascending and apart. They may go beyond the disk.
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

async function* extentsOf(
  source: BlockRun['source'],
  range: ByteRange,
  parent: ExtentCursor | undefined,
): AsyncGenerator<Extent> {
  if (source === 'file' || source === 'partial') yield range;
  else if (source === 'parent' && parent !== undefined) yield* parent.within(range);
}

/** Reads a stream of extents once, onwards. */
class ExtentCursor {
  readonly #extents: AsyncIterator<Extent>;
  #next: IteratorResult<Extent> | undefined;

  constructor(extents: AsyncIterable<Extent>) {
    this.#extents = extents[Symbol.asyncIterator]();
  }

  /** The parts of the extents in `range`, which lies after the ranges of all earlier calls. */
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
