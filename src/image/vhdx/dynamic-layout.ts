// The layout of a new dynamic VHDX, in the order in which Hyper-V writes one (MS-VHDX 2).
import { randomUUID } from 'node:crypto';
import { alignUp, endOf, MIB } from '../../base/byte-range.ts';
import { Crc32c } from '../../base/crc32c.ts';
import { VERSION } from '../../base/version.ts';
import { UsageError } from '../../errors.ts';
import type { BlockLayout } from '../block-layout.ts';
import { chunkRatioOf, ENTRY_LENGTH, entryOf, FULLY_PRESENT, offsetAt, setFullyPresent, stateAt } from './bat-entry.ts';
import { encodeHeaders, HEADER_SECTION_LENGTH } from './headers.ts';
import { encodeMetadata, MAX_DISK_SIZE } from './metadata.ts';
import { encodeRegionTables } from './region-table.ts';

const CREATOR = `vhdup ${VERSION}`;
/** The sector sizes of Hyper-V's disks: the guest sees 512 bytes, and places its data for physical sectors of 4 KiB. */
const SECTOR_SIZES = { logicalSectorSize: 512, physicalSectorSize: 4096 } as const;
/** The log stays empty, but a program that opens the disk for writing needs it. */
const LOG = { offset: HEADER_SECTION_LENGTH, length: MIB };
const METADATA = { offset: endOf(LOG), length: MIB };
const BAT_OFFSET = endOf(METADATA);

/** Small blocks keep the file small where the disk holds little data in many places, as with ext4. */
const SMALL_BLOCK = 2 * MIB;
/** Hyper-V's default. It keeps the BAT of the largest disk at 17 MiB. */
const LARGE_BLOCK = 32 * MIB;
const SMALL_BLOCKS_UP_TO = 1024 * 1024 * MIB;

/** The variable contents of a new file. */
export interface NewVhdx {
  /** In bytes, a multiple of 512. */
  readonly size: number;
  /** The id that the guest sees: 16 bytes. */
  readonly page83Id: Uint8Array;
}

/** @throws {UsageError} the disk is larger than 64 TiB. */
export async function dynamicVhdxLayout({ size, page83Id }: NewVhdx): Promise<BlockLayout> {
  if (size > MAX_DISK_SIZE) {
    throw new UsageError(
      `A VHDX holds at most ${MAX_DISK_SIZE} bytes (64 TiB), but the disk has ${size}. Use --format raw or --format vhd.`,
    );
  }
  const blockSize = size > SMALL_BLOCKS_UP_TO ? LARGE_BLOCK : SMALL_BLOCK;
  const blockCount = Math.ceil(size / blockSize);
  const chunkRatio = chunkRatioOf(SECTOR_SIZES.logicalSectorSize, blockSize);
  const bat = {
    offset: BAT_OFFSET,
    length: alignUp((entryOf(blockCount - 1, chunkRatio) + 1) * ENTRY_LENGTH, MIB),
  };
  const crc32c = await Crc32c.create();
  const guids = { fileWriteGuid: randomUUID(), dataWriteGuid: randomUUID() };
  const headers = encodeHeaders({ ...guids, log: LOG, creator: CREATOR }, crc32c);
  return {
    blockSize,
    blockCount,
    structures: [
      ...encodeRegionTables(bat, METADATA, crc32c),
      { offset: METADATA.offset, bytes: encodeMetadata({ size, blockSize, ...SECTOR_SIZES, page83Id }) },
    ],
    tableOffset: bat.offset,
    tableLength: bat.length,
    emptyByte: 0,
    firstBlock: endOf(bat),
    stride: blockSize,
    blockHeader: new Uint8Array(0),
    entryOf: (block) => entryOf(block, chunkRatio) * ENTRY_LENGTH,
    positionAt: (table, at) => (stateAt(table, at) === FULLY_PRESENT ? offsetAt(table, at) : undefined),
    setPositionAt(table, at, position) {
      if (position === undefined) table.setBigUint64(at, 0n, true);
      else setFullyPresent(table, at, position);
    },
    seal: (end) => ({ length: end, structures: headers }),
  };
}
