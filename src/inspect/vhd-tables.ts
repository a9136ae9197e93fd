// The BAT and the sector bitmaps of a VHD, in ranges (VHD specification, "Block Allocation Table", "Data Blocks").

import { printable } from '../base/printable.ts';
import { UsageError } from '../errors.ts';
import type { Fields } from '../image/fields.ts';
import type { ImageFile } from '../image/image-file.ts';
import { PagedTable } from '../image/paged-table.ts';
import { reverseBits, runsOf } from '../image/sector-runs.ts';
import { MAX_BLOCK_SIZE } from '../image/vhd/dynamic-header.ts';
import { bitmapLengthOf } from '../image/vhd/sector-bitmap.ts';
import { BlockRanges } from './block-ranges.ts';
import { cannotShow, RowList, type Structure, type TableRequest } from './structure.ts';
import { slicesOf, type TableSlice } from './table-slices.ts';

const ENTRY_LENGTH = 4;
const SECTOR_SIZE = 512;
const UNALLOCATED = 0xffffffff;

/** Separate bitmaps are never longer than the file in total. Without this limit, a hostile BAT would make vhdup read the same bitmaps again and again. */
const OVERLAP = 'its blocks overlap: their bitmaps have more bytes than the file';

/** The place of the BAT, as far as it lies in the file. */
interface BatPlace {
  readonly offset: number;
  /** Entries that the header states, limited to those in the file. */
  readonly entries: number;
  readonly statedEntries: number;
  /** Blocks that the disk needs. */
  readonly blocks: number;
  readonly blockSize: number;
  /** Bytes of a bitmap and the data after it. */
  readonly stored: number;
}

function placeOf(file: ImageFile, footer: Fields, header: Fields | undefined): BatPlace {
  const path = printable(file.path);
  if (header === undefined) cannotShow('BAT', path, 'the dynamic header that locates it is missing');
  const blockSize = header.u32(32);
  if (blockSize < SECTOR_SIZE || blockSize > MAX_BLOCK_SIZE || (blockSize & (blockSize - 1)) !== 0) {
    const problem = `must be a power of two from ${SECTOR_SIZE} to ${MAX_BLOCK_SIZE}`;
    cannotShow('BAT', path, `the block size in its dynamic header is ${blockSize}, but ${problem}`);
  }
  const offset = header.bigU64(16);
  if (offset >= BigInt(file.size))
    cannotShow('BAT', path, `it should be at ${offset}, but the file ends at ${file.size}`);
  const statedEntries = header.u32(28);
  const inFile = Math.floor((file.size - Number(offset)) / ENTRY_LENGTH);
  const blocks = Number((footer.bigU64(48) + BigInt(blockSize) - 1n) / BigInt(blockSize));
  return {
    offset: Number(offset),
    entries: Math.min(statedEntries, inFile),
    statedEntries,
    blocks,
    blockSize,
    stored: bitmapLengthOf(blockSize) + blockSize,
  };
}

/** @throws {CorruptImageError} no header locates it. @throws {UsageError} the block does not exist. */
export async function batStructure(
  file: ImageFile,
  footer: Fields,
  header: Fields | undefined,
  request: TableRequest,
): Promise<Structure> {
  const place = placeOf(file, footer, header);
  const rows = new RowList(request);
  const ranges = new BlockRanges(rows, place.stored);
  let allocated = 0;
  let outside = 0;
  for await (const entries of entriesOf(file, place, request)) {
    for (const { block, count, position } of entries) {
      if (position === undefined) ranges.add({ block, count, state: 'unallocated' });
      else {
        allocated += 1;
        const isInside = position + place.stored <= file.size;
        if (!isInside) outside += 1;
        ranges.add({ block, state: isInside ? 'allocated' : 'ends outside of the file', offset: position });
      }
    }
  }
  ranges.end();
  const { entries, statedEntries, blocks, blockSize } = place;
  const problems: string[] = [];
  if (entries < statedEntries) problems.push(`only ${entries} of its ${statedEntries} entries lie in the file`);
  if (statedEntries < blocks) problems.push(`it has ${statedEntries} entries, but the disk needs ${blocks}`);
  if (outside > 0)
    problems.push(
      `${outside} of its blocks end outside of the file, possibly one that is cut off at the end of the disk`,
    );
  return {
    name: 'BAT',
    offset: place.offset,
    length: statedEntries * ENTRY_LENGTH,
    problems,
    fields: [
      { name: 'Entries', value: statedEntries },
      { name: 'Blocks of the disk', value: blocks },
      { name: 'Block Size', value: blockSize },
      ...(request.block === undefined ? [{ name: 'Allocated', value: allocated }] : []),
    ],
    ...rows.listed,
  };
}

/** For one block, its sector runs. For all blocks in the file, the number of marked sectors. */
export async function bitmapStructures(
  file: ImageFile,
  footer: Fields,
  header: Fields | undefined,
  request: TableRequest,
): Promise<Structure[]> {
  const place = placeOf(file, footer, header);
  const length = bitmapLengthOf(place.blockSize);
  const sectors = place.blockSize / SECTOR_SIZE;
  const rows = new RowList(request);
  const ranges = new BlockRanges(rows);
  let first: number | undefined;
  let count = 0;
  for await (const { block, position } of blocksInFile(file, place, request)) {
    if (position + length > file.size) continue;
    request.signal.throwIfAborted();
    const bitmap = new Uint8Array(length);
    await file.read(position, bitmap);
    if ((count + 1) * length > file.size) cannotShow('sector bitmaps', printable(file.path), OVERLAP);
    // blktap 0.1 wrote the bits of a byte in reverse.
    if (footer.ascii(28, 4) === 'tap\0' && footer.u32(32) === 1) reverseBits(bitmap);
    const runs = runsOf(bitmap, 0, sectors);
    first ??= position;
    count += 1;
    if (request.block === undefined) {
      const marked = runs.reduce((sum, run) => sum + (run.isSet ? run.count : 0), 0);
      ranges.add({
        block,
        state: marked === 0 ? 'none marked' : marked === sectors ? 'all marked' : `${marked} of ${sectors} marked`,
      });
    } else
      for (const run of runs)
        rows.add({
          firstSector: run.first,
          lastSector: run.first + run.count - 1,
          state: run.isSet ? 'marked' : 'not marked',
        });
  }
  ranges.end();
  const what = request.block === undefined ? 'sector bitmaps' : `sector bitmap of block ${request.block}`;
  if (first === undefined)
    cannotShow(
      what,
      printable(file.path),
      request.block === undefined ? 'no block is in the file' : 'the block is not in the file',
    );
  return [
    {
      name: what,
      offset: first,
      length,
      problems: [],
      fields: [
        { name: 'Bitmaps', value: count },
        { name: 'Sectors of a block', value: sectors },
      ],
      ...rows.listed,
    },
  ];
}

async function* blocksInFile(
  file: ImageFile,
  place: BatPlace,
  request: TableRequest,
): AsyncGenerator<{ block: number; position: number }> {
  for await (const entries of entriesOf(file, place, request)) {
    for (const { block, position } of entries) if (position !== undefined) yield { block, position };
  }
}

interface BatEntry {
  readonly block: number;
  /** Number of consecutive blocks; more than one only if they are not in the file. */
  readonly count: number;
  /** Offset in the file; undefined if the block is not in the file. */
  readonly position: number | undefined;
}

/** The requested entries, one slice of the table at a time, because awaiting each entry would take longer than reading it. */
async function* entriesOf(file: ImageFile, place: BatPlace, request: TableRequest): AsyncGenerator<Iterable<BatEntry>> {
  const { block } = request;
  const table = new PagedTable(file, place.offset, place.entries * ENTRY_LENGTH);
  if (block !== undefined && block >= place.entries) {
    throw new UsageError(
      `Block ${block} does not exist: the BAT of ${printable(file.path)} has ${place.entries} entries.`,
    );
  }
  const range = block === undefined ? { first: 0, end: place.entries } : { first: block, end: block + 1 };
  for await (const slice of slicesOf(table, { ...range, length: ENTRY_LENGTH }, request)) yield entriesIn(slice);
}

function* entriesIn({ view, first }: TableSlice): Generator<BatEntry> {
  let block = first;
  let absent = 0;
  for (let at = 0; at < view.byteLength; at += ENTRY_LENGTH, block++) {
    const sector = view.getUint32(at);
    if (sector === UNALLOCATED) {
      absent += 1;
      continue;
    }
    if (absent > 0) yield { block: block - absent, count: absent, position: undefined };
    absent = 0;
    yield { block, count: 1, position: sector * SECTOR_SIZE };
  }
  if (absent > 0) yield { block: block - absent, count: absent, position: undefined };
}
