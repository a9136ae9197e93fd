// Bytes at positions: an image file as it is, or as it is once its log has been replayed over it.

export interface ImageBytes {
  /** Path of the file that the bytes come from. */
  readonly path: string;
  /** Length in bytes. */
  readonly size: number;
  /**
   * Fills `into` with what begins at `position`.
   * @throws {CorruptImageError} the bytes end before `into` is full.
   * @throws {ImageAccessError} the operating system cannot read them.
   */
  read(position: number, into: Uint8Array): Promise<void>;
}
