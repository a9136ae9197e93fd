// BlockLayout: where the structures and the blocks of a new dynamic image lie in its file.

/** Bytes at an offset of the file. */
export interface PlacedBytes {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * The file begins with structures and the BAT. The blocks follow at equal distances, each with a header, in the order in which
 * they are first written to. All offsets and lengths are in bytes.
 */
export interface BlockLayout {
  /** Bytes of the disk in one block. */
  readonly blockSize: number;
  readonly blockCount: number;
  /** The structures of a new file, except the BAT and those that `seal` returns. */
  readonly structures: readonly PlacedBytes[];
  readonly tableOffset: number;
  readonly tableLength: number;
  /** Every byte of the entry of a block that is not in the file. */
  readonly emptyByte: number;
  /** Offset of the first block. */
  readonly firstBlock: number;
  /** From the beginning of a block to that of the next. */
  readonly stride: number;
  /** What each block begins with, before its data. */
  readonly blockHeader: Uint8Array;
  /** Offset of the entry of a block in the table. */
  entryOf(block: number): number;
  /** The offset in the file of the block in the entry at `at` of the table; undefined if the file does not contain it. */
  positionAt(table: DataView, at: number): number | undefined;
  setPositionAt(table: DataView, at: number, position: number | undefined): void;
  /** @param end - Where the next block would begin. */
  seal(end: number): Seal;
}

/** What makes a file a valid image. It is written last. */
export interface Seal {
  /** Length of the complete file. */
  readonly length: number;
  readonly structures: readonly PlacedBytes[];
}
