// One entry of the BAT of a VHDX: the state of a block and its offset in the file (MS-VHDX 2.5.1).
import { MIB } from '../../base/byte-range.ts';

/** Length of an entry, in bytes. */
export const ENTRY_LENGTH = 8;

/** A sector bitmap block has 1 MiB: one bit for each sector of its chunk. */
export const SECTOR_BITMAP_LENGTH = MIB;

/** The state of a payload block or sector bitmap block that is in the file. */
export const FULLY_PRESENT = 6;

/** The source of the contents of a block. */
export type Block =
  | { readonly source: 'zeros' | 'parent' }
  /** For "partial" blocks, the sector bitmap marks the sectors in the file; the others come from the parent. */
  | { readonly source: 'file' | 'partial'; readonly offset: number };

/**
 * The source of a block by its state, in a file without a parent. 1, 2 and 3 mean undefined, zero and
 * unmapped; 5 meant unmapped in version 0.95 of the specification. An entry in these states may still contain the offset of
 * old contents.
 */
export const BASE_SOURCES: readonly (Block['source'] | undefined)[] = [
  'zeros',
  'zeros',
  'zeros',
  'zeros',
  undefined,
  'zeros',
  'file',
  // Partially present. Without a parent, the file is the only source for the other sectors.
  'file',
];

/** The source of a block by its state, in a differencing file. */
export const CHILD_SOURCES: readonly (Block['source'] | undefined)[] = [
  'parent',
  'zeros',
  'zeros',
  'zeros',
  undefined,
  'zeros',
  'file',
  'partial',
];

/** Bits 0 to 2. */
export function stateAt(view: DataView, at: number): number {
  return view.getUint8(at) & 7;
}

/** Bits 20 to 63 count MiBs. A multiple of 1 MiB is exact as a number, however large it is. */
export function offsetAt(view: DataView, at: number): number {
  return (view.getUint32(at + 4, true) * 4096 + (view.getUint32(at, true) >>> 20)) * MIB;
}

/** Sets the entry of a block that is in the file as a whole. @param offset - A multiple of 1 MiB, so the state is below its bits. */
export function setFullyPresent(view: DataView, at: number, offset: number): void {
  view.setBigUint64(at, BigInt(offset) | BigInt(FULLY_PRESENT), true);
}

/** Blocks per chunk; the blocks of a chunk share one sector bitmap block. */
export function chunkRatioOf(logicalSectorSize: number, blockSize: number): number {
  return (8 * SECTOR_BITMAP_LENGTH * logicalSectorSize) / blockSize;
}

/** Index of the entry of a block. After the blocks of each chunk, the table has one entry for their sector bitmap. */
export function entryOf(block: number, chunkRatio: number): number {
  return block + Math.floor(block / chunkRatio);
}
