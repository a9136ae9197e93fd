// AllocationMap: the allocated share and the data share of each part of a disk.

export interface AllocationMap {
  /** Bytes of the disk per cell. The last cell may cover less. */
  readonly cellSize: number;
  /** The share of each cell that the image allocates: 0 to 1. */
  readonly allocated: readonly number[];
  /** The share of each cell that is not zero, if the disk was read. */
  readonly nonZero?: readonly number[];
}
