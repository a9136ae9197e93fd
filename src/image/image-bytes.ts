// ImageBytes: random access to an image file, either as it is or with its log replayed.

export interface ImageBytes {
  /** Path of the file that holds the bytes. */
  readonly path: string;
  /** Length in bytes. */
  readonly size: number;
  /**
   * Fills `into` with the bytes at `position`.
   * @throws {CorruptImageError} the bytes end before `into` is full.
   * @throws {ImageAccessError} the operating system cannot read them.
   */
  read(position: number, into: Uint8Array): Promise<void>;
}
