// Walks a table of an image file slice by slice: it may have 64 Mi entries.
import type { PagedTable } from '../image/paged-table.ts';
import type { TableRequest } from './structure.ts';

/** Some of the entries of a table. */
export interface TableEntries {
  /** Number of the first one. */
  readonly first: number;
  /** Number of the one after the last. */
  readonly end: number;
  /** Bytes of each. */
  readonly length: number;
}

export interface TableSlice {
  /** Whole entries, and nothing else. */
  readonly view: DataView;
  /** Number of the first one. */
  readonly first: number;
}

/** All entries that were asked for, in order. @throws the reason of the signal on abort. */
export async function* slicesOf(
  table: PagedTable,
  { first, end, length }: TableEntries,
  { signal, onProgress }: TableRequest,
): AsyncGenerator<TableSlice> {
  const planned = (end - first) * length;
  for (let entry = first; entry < end; ) {
    signal.throwIfAborted();
    const { view, offset } = await table.at(entry * length);
    const count = Math.min((view.byteLength - offset) / length, end - entry);
    yield { view: new DataView(view.buffer, view.byteOffset + offset, count * length), first: entry };
    entry += count;
    onProgress((entry - first) * length, planned);
  }
}
