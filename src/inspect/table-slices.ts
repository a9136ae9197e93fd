// Reads a table of an image file slice by slice: it may have 64 Mi entries.
import type { PagedTable } from '../image/paged-table.ts';
import type { TableRequest } from './structure.ts';

/** A range of entries of a table. */
export interface TableEntries {
  /** Number of the first entry. */
  readonly first: number;
  /** Number after the last entry. */
  readonly end: number;
  /** Bytes per entry. */
  readonly length: number;
}

export interface TableSlice {
  /** Whole entries only. */
  readonly view: DataView;
  /** Number of the first entry. */
  readonly first: number;
}

/** All requested entries, in order. @throws the reason of the signal on abort. */
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
