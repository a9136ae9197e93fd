// The entries of the BAT of a VHDX as they stand there, in few portions however many they are (MS-VHDX 2.5).
import { MIB } from '../base/byte-range.ts';
import { printable } from '../base/printable.ts';
import { UsageError } from '../errors.ts';
import { PagedTable } from '../image/paged-table.ts';
import { FULLY_PRESENT, offsetAt, stateAt } from '../image/vhdx/bat-entry.ts';
import { cannotShow, type TableRequest } from './structure.ts';
import { slicesOf, type TableSlice } from './table-slices.ts';
import type { VhdxReading } from './vhdx-reading.ts';

export const ENTRY_LENGTH = 8;
const SECTORS_PER_BITMAP = 8 * MIB;
export const PARTIALLY_PRESENT = 7;

/** Where things are, from the regions and the metadata. */
export interface BatPlace {
  readonly table: PagedTable;
  readonly offset: number;
  readonly blockSize: number;
  readonly sectorSize: number;
  readonly blocks: number;
  readonly chunkRatio: number;
  readonly entries: number;
  readonly hasParent: boolean;
}

/** @throws {CorruptImageError} it cannot be told. */
export function placeOf({ bytes, regions, disk, problems }: VhdxReading, what: string): BatPlace {
  const path = printable(bytes.path);
  if (regions === undefined || disk === undefined) {
    cannotShow(what, path, `regions and metadata, which say how to read it, cannot be used (${problems.join(' ')})`);
  }
  const { size, blockSize, logicalSectorSize } = disk;
  const blocks = Math.ceil(size / blockSize);
  const chunkRatio = (SECTORS_PER_BITMAP * logicalSectorSize) / blockSize;
  const hasParent = disk.parentLocator !== undefined;
  const needed = hasParent
    ? Math.ceil(blocks / chunkRatio) * (chunkRatio + 1)
    : blocks + Math.floor((blocks - 1) / chunkRatio);
  const { offset, length } = regions.bat;
  const entries = Math.min(needed, length / ENTRY_LENGTH);
  const table = new PagedTable(bytes, offset, entries * ENTRY_LENGTH);
  return { table, offset, blockSize, sectorSize: logicalSectorSize, blocks, chunkRatio, entries, hasParent };
}

export interface BatEntry {
  /** Undefined for the entry of a sector bitmap block. */
  readonly block: number | undefined;
  /** Blocks in a row that are in the same state, more than one only where they are not in the file. */
  readonly count: number;
  /** Of the first block. */
  readonly chunk: number;
  readonly state: number;
  /** In the file, where the state says that it is there. */
  readonly offset: number | undefined;
}

/**
 * What was asked for, a slice of the table at a time: to wait for each entry would take longer than to read it.
 * @throws {UsageError} there is no such block.
 */
export async function* entriesOf(
  { bytes }: VhdxReading,
  place: BatPlace,
  request: TableRequest,
): AsyncGenerator<Iterable<BatEntry>> {
  const { block } = request;
  if (block !== undefined && block >= place.blocks) {
    throw new UsageError(
      `There is no block ${block}: the disk in ${printable(bytes.path)} has ${place.blocks} blocks.`,
    );
  }
  const first = block === undefined ? 0 : block + Math.floor(block / place.chunkRatio);
  const end = block === undefined ? place.entries : Math.min(first + 1, place.entries);
  for await (const slice of slicesOf(place.table, { first, end, length: ENTRY_LENGTH }, request)) {
    yield entriesIn(slice, place);
  }
}

function* entriesIn({ view, first }: TableSlice, { blocks, chunkRatio }: BatPlace): Generator<BatEntry> {
  const entries = view.byteLength / ENTRY_LENGTH;
  for (let index = 0, count = 1; index < entries; index += count) {
    const at = index * ENTRY_LENGTH;
    const chunk = Math.floor((first + index) / (chunkRatio + 1));
    const block = first + index - chunk;
    const state = stateAt(view, at);
    const isInFile = state === FULLY_PRESENT || state === PARTIALLY_PRESENT;
    const offset = isInFile ? offsetAt(view, at) : undefined;
    // None between the last block and the last chunk's bitmap: there are entries for no block.
    const blocksLeft = Math.min((chunk + 1) * chunkRatio, blocks) - block;
    count = 1;
    if (block === (chunk + 1) * chunkRatio) {
      yield { block: undefined, count, chunk, state, offset };
    } else if (blocksLeft > 0) {
      if (!isInFile) count = alike(view, at, Math.min(blocksLeft, entries - index));
      yield { block, count, chunk, state, offset };
    }
  }
}

/** Entries from `at` on, at most `most`, that are in the same state as the first. */
function alike(view: DataView, at: number, most: number): number {
  const state = stateAt(view, at);
  let count = 1;
  while (count < most && stateAt(view, at + count * ENTRY_LENGTH) === state) count++;
  return count;
}
