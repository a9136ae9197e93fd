// DiskImage: the common interface of all disk image formats.

import type { ByteRange, FilePiece } from '../base/byte-range.ts';
import type { ImageFileOptions, ImageWarning } from './image-file.ts';

export type { ImageWarning };

/** A range of the disk that can hold data. Everything outside of all extents reads as zeros and need not be read. */
export type Extent = ByteRange;

export type DiskImageFormat =
  | 'vhd-fixed'
  | 'vhd-dynamic'
  | 'vhd-differencing'
  | 'vhdx-fixed'
  | 'vhdx-dynamic'
  | 'vhdx-differencing'
  | 'raw';

/** One file of a chain. A checkpoint stores everything but its path. */
export interface ImageFileIdentity {
  /** The path that was opened. */
  readonly path: string;
  /** Base name. The folder may change between two runs, and a full path reveals more about a machine than a checkpoint should. */
  readonly name: string;
  /** Length of the file in bytes. */
  readonly size: number;
  /** Last modification, in whole milliseconds since the Unix epoch. */
  readonly modifiedMs: number;
  /** The id of the disk or, if the format has one, of its contents (VHDX: DataWriteGuid), as 32 hexadecimal digits. */
  readonly diskId: string;
}

/** An open virtual disk. Reads may run in parallel. The caller who opens it closes it. */
export interface DiskImage {
  /** Path of the opened file (the child of a chain). */
  readonly path: string;
  readonly format: DiskImageFormat;
  /** Virtual size in bytes: a multiple of 512. */
  readonly size: number;
  /** The unique id of the disk: 16 bytes in the byte order of the file. */
  readonly diskId: Uint8Array;
  /** Creation time in the unit of a VHD footer: seconds since 2000-01-01T00:00:00Z, 0 if unknown. */
  readonly timestamp: number;
  /** The opened file first, then its parents. */
  readonly files: readonly ImageFileIdentity[];
  /**
   * The ranges that can hold data: ascending, without overlaps, lazy. Holes of a sparse file of a fixed format are left out if
   * the system reports them, so the same disk may have other extents on another system.
   */
  extents(): AsyncIterable<Extent>;
  /**
   * Fills `into`, whose length is `range.length`, with the data of the disk. `range` is 512-aligned and inside the disk.
   * @throws {CorruptImageError} @throws {ImageAccessError}
   */
  read(range: ByteRange, into: Uint8Array): Promise<void>;
  /**
   * The place of `range` in a file, if its bytes are stored there unchanged and contiguously. Another thread may read them while
   * the image is open. Undefined if they are not, or if it is unknown; formats without this method never know. `read` works for
   * every range, and its error says why a piece cannot be read.
   * @throws {CorruptImageError} @throws {ImageAccessError}
   */
  locate?(range: ByteRange): Promise<FilePiece | undefined>;
  /** @throws {ImageChangedError} one of the files changed after it was opened. */
  assertUnchanged(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenDiskImageOptions extends ImageFileOptions {
  /** Treats the file as a raw disk, whatever it contains. @default detected from the contents */
  readonly format?: 'raw';
  /** Folders or parent files to search first for the parents of a differencing image. */
  readonly parentPaths?: readonly string[];
  /** Whether to open a parent at a UNC path that the image names. Opening it sends the user's credentials to that host. @default false */
  readonly allowNetworkParents?: boolean;
  /**
   * Whether to use data of a dynamic VHD in sectors that its sector bitmap marks as never written.
   * The specification says that they read as zeros, but some writers forget to set the bits.
   * @default false
   */
  readonly trustUnmarkedSectors?: boolean;
  /** Called for each file of a chain once its own structures are checked: the image first, then its parents. */
  readonly onFile?: (file: ImageFileIdentity) => void;
  /** Called with details that help to explain how an image is read (such as a parent's timestamp). */
  readonly onDebug?: (message: string) => void;
}
