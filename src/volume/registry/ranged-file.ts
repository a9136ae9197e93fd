// RangedFile: a file that is read in parts, and the checks that every reader of a hive needs.
import { type OpenedFileSystem, UnreadableError } from '../file-systems/opened-file-system.ts';

/** A file that is read in parts: hives have up to hundreds of MiB, and few of their pages are needed. */
export interface RangedFile {
  /** In bytes. */
  readonly size: number;
  /** The bytes from `offset`, at most `length`, fewer at the end of the file. @throws {UnreadableError} */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** The file at `path`; undefined if there is no file. @throws {UnreadableError} */
export async function rangedFile(files: OpenedFileSystem, path: string): Promise<RangedFile | undefined> {
  const entry = await files.stat(path);
  if (entry?.kind !== 'file') return undefined;
  return { size: entry.size, read: (offset, length) => files.read(path, offset, length) };
}

/** Exactly `length` bytes. @throws {UnreadableError} the file ends before. */
export async function exactly(file: RangedFile, offset: number, length: number): Promise<Buffer> {
  const bytes = await file.read(offset, length);
  if (bytes.length !== length) {
    throw new UnreadableError(
      `the file was cut: ${length} bytes are needed at ${offset}, but it has ${file.size} bytes`,
    );
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
