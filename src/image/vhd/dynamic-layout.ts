// The layout of a new dynamic VHD (VHD specification, "Dynamic Hard Disk Image"). Its structures and blocks are those of Hyper-V, but
// the footer follows the last block directly: QEMU places the next block there and expects zeros after the footer. Hyper-V leaves
// 3.5 KiB before the footer, and a block that QEMU adds to such a file contains the old footer.
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
  const firstBlock = alignUp(TABLE_OFFSET + tableLength + bitmapLength, DATA_ALIGNMENT) - bitmapLength;
  const stride = alignUp(bitmapLength + BLOCK_SIZE, DATA_ALIGNMENT);
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
    firstBlock,
    stride,
    // Hyper-V marks every sector of a new block as data, those that were never written included.
    blockHeader: new Uint8Array(bitmapLength).fill(0xff),
    entryOf: (block) => block * ENTRY_LENGTH,
    positionAt(table, at) {
      const sector = table.getUint32(at);
      return sector === UNALLOCATED ? undefined : sector * SECTOR_SIZE;
    },
    setPositionAt: (table, at, position) =>
      table.setUint32(at, position === undefined ? UNALLOCATED : position / SECTOR_SIZE),
    seal(end) {
      const blocksEnd = end > firstBlock ? end - stride + bitmapLength + BLOCK_SIZE : TABLE_OFFSET + tableLength;
      return {
        length: blocksEnd + FOOTER_LENGTH,
        structures: [
          { offset: blocksEnd, bytes: footer },
          { offset: 0, bytes: footer },
        ],
      };
    },
  };
}
