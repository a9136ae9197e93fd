// The layout of a new dynamic VHD, as Hyper-V writes it (VHD specification, "Dynamic Hard Disk Image").
import { alignUp } from '../../base/byte-range.ts';
import { UsageError } from '../../errors.ts';
import type { BlockLayout } from '../block-layout.ts';
import { ENTRY_LENGTH, UNALLOCATED } from './bat-entry.ts';
import { DYNAMIC_HEADER_LENGTH, encodeDynamicHeader } from './dynamic-header.ts';
import { encodeDynamicFooter, FOOTER_LENGTH, type FooterContents, MAX_DYNAMIC_SIZE } from './footer.ts';
import { bitmapLengthOf } from './sector-bitmap.ts';

const SECTOR_SIZE = 512;
/** 2 MiB, the block size that every program uses by default. */
const BLOCK_SIZE = 2 * 1024 * 1024;
/** Hyper-V places the data of each block at a multiple of a physical sector, so that the guest writes whole physical sectors. */
const DATA_ALIGNMENT = 4096;
const TABLE_OFFSET = FOOTER_LENGTH + DYNAMIC_HEADER_LENGTH;

/** @throws {UsageError} the disk is larger than 2,040 GiB. */
export function dynamicVhdLayout(contents: FooterContents): BlockLayout {
  const { size } = contents;
  if (size > MAX_DYNAMIC_SIZE) {
    throw new UsageError(
      `A dynamic VHD holds at most ${MAX_DYNAMIC_SIZE} bytes (2,040 GiB), but the disk has ${size}. Use --format vhdx, which holds 64 TiB, or --format vhd.`,
    );
  }
  const blockCount = Math.ceil(size / BLOCK_SIZE);
  const tableLength = alignUp(blockCount * ENTRY_LENGTH, SECTOR_SIZE);
  const bitmapLength = bitmapLengthOf(BLOCK_SIZE);
  const header = encodeDynamicHeader({
    tableOffset: TABLE_OFFSET,
    maxTableEntries: blockCount,
    blockSize: BLOCK_SIZE,
  });
  const footer = encodeDynamicFooter(contents, FOOTER_LENGTH);
  return {
    blockSize: BLOCK_SIZE,
    blockCount,
    structures: [{ offset: FOOTER_LENGTH, bytes: header }],
    tableOffset: TABLE_OFFSET,
    tableLength,
    emptyByte: 0xff,
    firstBlock: alignUp(TABLE_OFFSET + tableLength + bitmapLength, DATA_ALIGNMENT) - bitmapLength,
    stride: alignUp(bitmapLength + BLOCK_SIZE, DATA_ALIGNMENT),
    // Hyper-V marks every sector of a new block as data, those that were never written included.
    blockHeader: new Uint8Array(bitmapLength).fill(0xff),
    entryOf: (block) => block * ENTRY_LENGTH,
    positionAt(table, at) {
      const sector = table.getUint32(at);
      return sector === UNALLOCATED ? undefined : sector * SECTOR_SIZE;
    },
    setPositionAt: (table, at, position) =>
      table.setUint32(at, position === undefined ? UNALLOCATED : position / SECTOR_SIZE),
    seal: (end) => [
      { offset: end, bytes: footer },
      { offset: 0, bytes: footer },
    ],
  };
}
