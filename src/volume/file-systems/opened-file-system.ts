// OpenedFileSystem: the files of one file system, read only. Each kind has a folder beside this file.

import type { ByteRange } from '../../base/byte-range.ts';

/** The part of a disk that holds a file system, or a logical volume. */
export interface VolumeBytes {
  /** In bytes. */
  readonly size: number;
  /** Fills `into`, which is as long as `range`. Any alignment, within the volume. */
  read(range: ByteRange, into: Uint8Array): Promise<void>;
}

/** What a path leads to. Symbolic links are not followed. */
export interface FileEntry {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Of a file, in bytes. */
  readonly size: number;
  /** Permission bits, where the file system has them. */
  readonly mode?: number;
}

/** Where the content of a file is in the volume. */
export interface FilePlaces {
  /** In bytes. */
  readonly size: number;
  /** The ranges that hold it, in the order of the file and without gaps in it. They may reach beyond its size. */
  readonly pieces: readonly ByteRange[];
  /** NTFS: whether it is hidden, and belongs to the system. */
  readonly isSystem?: boolean;
}

/** Read-only access. Paths begin with a slash; `/` is the root. Names are compared as the file system compares them. */
export interface OpenedFileSystem {
  /** "ext4", "xfs", "ntfs": as in the description of the volume. */
  readonly type: string;
  /**
   * Why the file system may not be what its structures say: it was not closed, its journal is not replayed, it is hibernated.
   * Undefined if it is clean.
   */
  readonly unclean: string | undefined;
  /** Undefined if there is nothing at the path. @throws {UnreadableError} */
  stat(path: string): Promise<FileEntry | undefined>;
  /** Names in the folder, without `.` and `..`, in the order of the disk. At most `MAX_NAMES`. @throws {UnreadableError} */
  readdir(path: string): Promise<readonly string[]>;
  /** The target of a symbolic link, as stored. @throws {UnreadableError} */
  readlink(path: string): Promise<string>;
  /**
   * The bytes of a file from `offset`, at most `length`, fewer at its end. Holes are zeros.
   * @throws {UnreadableError} it is not a file, or holds what is not supported (encryption, a kind of compression).
   */
  read(path: string, offset: number, length: number): Promise<Uint8Array>;
  /**
   * Ranges of the volume that are in use: ascending, with gaps between them; everything that is not certainly free is used.
   * Undefined if nothing may be taken for free: the file system is not clean, or has a feature that is not known.
   * An UnreadableError while they are read, at any range, means the same.
   */
  usedRanges(): AsyncIterable<ByteRange> | undefined;
  /**
   * btrfs: the same file system as it is mounted with `subvol=` (a path from the top level) or `subvolid=` (a number).
   * Undefined if there is no such subvolume. @throws {UnreadableError}
   */
  subvolume?(which: string | number): Promise<OpenedFileSystem | undefined>;
  /** Why `usedRanges` is undefined although the file system is clean: "it has shadow copies". */
  readonly unknownUse?: string | undefined;
  /**
   * Where files are, by path. A file is left out if there is no such one, or if it is not certain that its clusters or blocks belong
   * to it alone: it has holes, is compressed, encrypted, in its record, or shares data.
   * @throws {UnreadableError}
   */
  placesOf?(paths: readonly string[]): Promise<ReadonlyMap<string, FilePlaces>>;
}

/** The most names that `readdir` returns. A folder with more is reported as unreadable. */
export const MAX_NAMES = 100_000;

/** A structure is damaged, contradicts itself, or is not supported. The message is a reason: "its inode 12 has …". */
export class UnreadableError extends Error {}
