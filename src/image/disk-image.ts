// DiskImage: what every disk image format is to the rest of the program.

import type { ByteRange, FilePiece } from '../base/byte-range.ts';
import type { ImageFileOptions, ImageWarning } from './image-file.ts';

export type { ImageWarning };

/** A range of the disk that can hold data. What lies outside of all extents reads as zeros and need not be read. */
export type Extent = ByteRange;

export type DiskImageFormat =
  | 'vhd-fixed'
  | 'vhd-dynamic'
  | 'vhd-differencing'
  | 'vhdx-fixed'
  | 'vhdx-dynamic'
  | 'vhdx-differencing'
  | 'raw';

/** One file of a chain. All but its path is remembered between two runs. */
export interface ImageFileIdentity {
  /** As it was opened. */
  readonly path: string;
  /** Base name: a folder may change between two runs, and a path says more about a machine than a checkpoint should. */
  readonly name: string;
  /** Length of the file in bytes. */
  readonly size: number;
  /** Last modification, whole milliseconds of the Unix epoch. */
  readonly modifiedMs: number;
  /** The id that the format gives to the disk or, better, to its contents (VHDX: DataWriteGuid), as 32 hexadecimal digits. */
  readonly diskId: string;
}

/** An open virtual disk. Reads may run side by side. Who opens it closes it. */
export interface DiskImage {
  /** Path of the file that was opened (the child of a chain). */
  readonly path: string;
  readonly format: DiskImageFormat;
  /** Virtual size in bytes: a multiple of 512. */
  readonly size: number;
  /** The unique id of the disk, 16 bytes as they stand in the file. */
  readonly diskId: Uint8Array;
  /** Creation time as a VHD footer holds it: seconds since 2000-01-01T00:00:00Z, 0 when unknown. */
  readonly timestamp: number;
  /** The file itself first, then its parents. */
  readonly files: readonly ImageFileIdentity[];
  /**
   * The ranges that can hold data: ascending, without overlaps, lazily. Holes of a sparse file of a fixed format are left out
   * where the system reports them, so that the same disk may have other extents elsewhere.
   */
  extents(): AsyncIterable<Extent>;
  /**
   * Fills `into`, whose length is `range.length`, with what the disk holds there. `range` is 512-aligned and inside the disk.
   * @throws {CorruptImageError} @throws {ImageAccessError}
   */
  read(range: ByteRange, into: Uint8Array): Promise<void>;
  /**
   * Where the bytes of `range` lie in a file as they are and in one piece: to be read by another thread, as long as the image is
   * open. Undefined where they do not, or where it is not known; formats without it never know. `read` always knows, and says
   * why when a piece cannot be read.
   * @throws {CorruptImageError} @throws {ImageAccessError}
   */
  locate?(range: ByteRange): Promise<FilePiece | undefined>;
  /** @throws {ImageChangedError} one of the files is not what it was when it was opened. */
  assertUnchanged(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenDiskImageOptions extends ImageFileOptions {
  /** Takes the file as a raw disk, whatever is in it. By default its content says what it is. */
  readonly format?: 'raw';
  /** Folders, or parent files, to look in first for the parents of a differencing image. */
  readonly parentPaths?: readonly string[];
  /** Whether a parent may be opened at a UNC path that the image names. Opening one sends the user's credentials to that host. @default false */
  readonly allowNetworkParents?: boolean;
  /**
   * Whether the data of a dynamic VHD count where its sector bitmap marks them as never written.
   * By the specification they read as zeros; some writers forget to set the bits.
   * @default false
   */
  readonly trustUnmarkedSectors?: boolean;
  /** Called for each file of a chain as soon as it was found good in itself: the image first, then its parents. */
  readonly onFile?: (file: ImageFileIdentity) => void;
  /** Called with details that only help to find out why an image is read as it is (a parent's timestamp, say). */
  readonly onDebug?: (message: string) => void;
}
