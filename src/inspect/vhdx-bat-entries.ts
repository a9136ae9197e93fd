// The raw entries of the BAT of a VHDX, grouped, because there may be millions (MS-VHDX 2.5).
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

/** The layout of the BAT, from the regions and the metadata. */
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

/** @throws {CorruptImageError} the regions or the metadata cannot be used. */
export function placeOf({ bytes, regions, disk, problems }: VhdxReading, what: string): BatPlace {
  const path = printable(bytes.path);
  if (regions === undefined || disk === undefined) {
    cannotShow(what, path, `the regions and metadata that describe it cannot be used (${problems.join(' ')})`);
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
  /** Number of consecutive blocks in the same state; more than one only if they are not in the file. */
  readonly count: number;
  /** Chunk of the first block. */
  readonly chunk: number;
  readonly state: number;
  /** Offset in the file, if the state says that the block is there. */
  readonly offset: number | undefined;
}

/**
 * The requested entries, one slice of the table at a time, because awaiting each entry would take longer than reading it.
 * @throws {UsageError} the block does not exist.
 */
export async function* entriesOf(
  { bytes }: VhdxReading,
  place: BatPlace,
  request: TableRequest,
): AsyncGenerator<Iterable<BatEntry>> {
  const { block } = request;
  if (block !== undefined && block >= place.blocks) {
    throw new UsageError(
      `Block ${block} does not exist: the disk in ${printable(bytes.path)} has ${place.blocks} blocks.`,
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
    // Zero between the last block and the bitmap of the last chunk, where entries are unused.
    const blocksLeft = Math.min((chunk + 1) * chunkRatio, blocks) - block;
    count = 1;
    if (block === (chunk + 1) * chunkRatio) {
      yield { block: undefined, count, chunk, state, offset };
    } else if (blocksLeft > 0) {
      if (!isInFile) count = countAlike(view, at, Math.min(blocksLeft, entries - index));
      yield { block, count, chunk, state, offset };
    }
  }
}

/** Number of entries from `at` on, at most `most`, in the same state as the first. */
function countAlike(view: DataView, at: number, most: number): number {
  const state = stateAt(view, at);
  let count = 1;
  while (count < most && stateAt(view, at + count * ENTRY_LENGTH) === state) count++;
  return count;
}
