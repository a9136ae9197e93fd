// The BAT and the sector bitmaps of a VHDX, in ranges (MS-VHDX 2.5).
import { MIB } from '../base/byte-range.ts';
import { printable } from '../base/printable.ts';
import { bitmapSlice, reverseBits, runsOf } from '../image/sector-runs.ts';
import { FULLY_PRESENT, offsetAt, stateAt } from '../image/vhdx/bat-entry.ts';
import { BlockRanges } from './block-ranges.ts';
import { cannotShow, RowList, type Structure, type TableRequest } from './structure.ts';
import { type BatPlace, ENTRY_LENGTH, entriesOf, PARTIALLY_PRESENT, placeOf } from './vhdx-bat-entries.ts';
import type { VhdxReading } from './vhdx-reading.ts';

const STATES = [
  '0 not present',
  '1 undefined',
  '2 zero',
  '3 unmapped',
  '4 unknown',
  '5 unmapped (0.95)',
  '6 fully present',
  '7 partially present',
];
const OUTSIDE_STATES = STATES.map((state) => `${state}, ends outside of the file`);

/** The payload blocks, and the sector bitmap blocks if there are any. @throws {CorruptImageError} @throws {UsageError} the block does not exist. */
export async function batStructures(reading: VhdxReading, request: TableRequest): Promise<Structure[]> {
  const place = placeOf(reading, 'BAT');
  const { bytes } = reading;
  const [payload, bitmaps] = [new RowList(request), new RowList(request)];
  const [payloadRanges, bitmapRanges] = [new BlockRanges(payload, place.blockSize), new BlockRanges(bitmaps, MIB)];
  const counts = new Array<number>(STATES.length).fill(0);
  let outside = 0;
  for await (const entries of entriesOf(reading, place, request)) {
    for (const { block, count, chunk, state, offset } of entries) {
      if (block === undefined) {
        if (place.hasParent && state === FULLY_PRESENT) {
          bitmapRanges.add({ block: chunk, state: '6 present', offset });
        }
        continue;
      }
      counts[state] = (counts[state] ?? 0) + count;
      const isOutside = offset !== undefined && offset + place.blockSize > bytes.size;
      if (isOutside) outside += 1;
      payloadRanges.add({ block, count, state: (isOutside ? OUTSIDE_STATES : STATES)[state] ?? '', offset });
    }
  }
  payloadRanges.end();
  bitmapRanges.end();
  const states = STATES.flatMap((name, state) =>
    (counts[state] ?? 0) === 0 ? [] : [{ name: `In state ${name}`, value: counts[state] ?? 0 }],
  );
  const problem = `${outside} of its blocks end outside of the file, possibly one that is cut off at the end of the disk`;
  const bat: Structure = {
    name: 'BAT',
    offset: place.offset,
    length: place.entries * ENTRY_LENGTH,
    problems: outside === 0 ? [] : [problem],
    fields: [
      { name: 'Entries', value: place.entries },
      { name: 'Blocks of the disk', value: place.blocks },
      { name: 'Block Size', value: place.blockSize },
      { name: 'Chunk Ratio', value: place.chunkRatio },
      ...(request.block === undefined ? states : []),
    ],
    ...payload.listed,
  };
  if (bitmaps.rows.length === 0) return [bat];
  const chunks = bitmaps.rows.map(({ firstBlock, lastBlock, ...row }) => ({
    firstChunk: firstBlock,
    lastChunk: lastBlock,
    ...row,
  }));
  return [
    bat,
    {
      name: 'BAT: sector bitmap blocks',
      offset: place.offset,
      length: bat.length,
      problems: [],
      fields: [],
      ...bitmaps.listed,
      rows: chunks,
    },
  ];
}

/** For one block, its sector runs. For all partially present blocks, the number of their sectors in the file. */
export async function bitmapStructures(reading: VhdxReading, request: TableRequest): Promise<Structure[]> {
  const place = placeOf(reading, 'sector bitmaps');
  const sectors = place.blockSize / place.sectorSize;
  const path = printable(reading.bytes.path);
  const rows = new RowList(request);
  const ranges = new BlockRanges(rows);
  let count = 0;
  for await (const { block, chunk } of partialBlocksOf(reading, place, request)) {
    request.signal.throwIfAborted();
    count += 1;
    // Separate bitmaps are never longer than the file in total. Without this limit, a hostile BAT would make vhdup read the same bitmap again and again.
    if ((count * sectors) / 8 > reading.bytes.size) {
      cannotShow('sector bitmaps', path, 'its blocks overlap: their bitmaps have more bytes than the file');
    }
    const runs = await runsOfBlock(reading, place, block, chunk);
    if (runs === undefined) {
      ranges.add({ block, state: 'its sector bitmap block is not present' });
    } else if (request.block !== undefined) {
      for (const run of runs)
        rows.add({
          firstSector: run.first,
          lastSector: run.first + run.count - 1,
          state: run.isSet ? 'in this file' : 'in the parent',
        });
    } else {
      const own = runs.reduce((sum, run) => sum + (run.isSet ? run.count : 0), 0);
      ranges.add({ block, state: `${own} of ${sectors} in this file` });
    }
  }
  ranges.end();
  if (request.block !== undefined && count === 0) {
    cannotShow(`sector bitmap of block ${request.block}`, path, 'the block is not partially present (state 7)');
  }
  return [
    {
      name: request.block === undefined ? 'sector bitmaps' : `sector bitmap of block ${request.block}`,
      offset: place.offset,
      length: place.entries * ENTRY_LENGTH,
      problems: [],
      fields: [
        { name: 'Partially present blocks', value: count },
        { name: 'Sectors of a block', value: sectors },
      ],
      ...rows.listed,
    },
  ];
}

async function* partialBlocksOf(
  reading: VhdxReading,
  place: BatPlace,
  request: TableRequest,
): AsyncGenerator<{ block: number; chunk: number }> {
  for await (const entries of entriesOf(reading, place, request)) {
    for (const { block, chunk, state } of entries) {
      if (block !== undefined && state === PARTIALLY_PRESENT && place.hasParent) yield { block, chunk };
    }
  }
}

async function runsOfBlock({ bytes }: VhdxReading, place: BatPlace, block: number, chunk: number) {
  const entry = chunk * (place.chunkRatio + 1) + place.chunkRatio;
  if (entry >= place.entries) return undefined;
  const { view, offset } = await place.table.at(entry * ENTRY_LENGTH);
  const position = offsetAt(view, offset);
  if (stateAt(view, offset) !== FULLY_PRESENT || position + MIB > bytes.size) return undefined;
  const sectors = place.blockSize / place.sectorSize;
  const first = (block % place.chunkRatio) * sectors;
  const slice = bitmapSlice(first, sectors);
  const bitmap = new Uint8Array(slice.length);
  await bytes.read(position + slice.offset, bitmap);
  // In a VHDX, the first sector of a byte is its lowest bit.
  reverseBits(bitmap);
  return runsOf(bitmap, first, sectors).map((run) => ({ ...run, first: run.first - first }));
}
