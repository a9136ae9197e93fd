// LocalImage: a disk image that is written to a local file. openLocalImage creates one in each format.

import type { ByteRange } from '../base/byte-range.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { LocalFileOptions } from './local-file.ts';
import type { PageWriter } from './page-store.ts';

/** Fixed VHD, dynamic VHD, dynamic VHDX, or only the bytes of the disk. */
export type LocalImageFormat = 'vhd' | 'vhd-dynamic' | 'vhdx' | 'raw';

export const LOCAL_IMAGE_FORMATS = ['vhd', 'vhd-dynamic', 'vhdx', 'raw'] as const satisfies readonly LocalImageFormat[];

/** The format that the name of a file asks for. */
export function formatOfName(path: string): LocalImageFormat {
  return /\.vhdx$/i.test(path) ? 'vhdx' : 'vhd';
}

/** What a checkpoint remembers of an unfinished image: small, and valid JSON. */
export interface LocalImageState {
  /** Name of the temporary file, which is in the folder of the image. */
  readonly temporary: string;
  /** Offset in the temporary file after the last block of the state, in bytes. A resume drops what lies beyond. */
  readonly end: number;
  /** The least length of the temporary file, in bytes. It may be less than `end`: the last block can be written in part. */
  readonly length: number;
}

/**
 * A disk that is written to a temporary file beside its path. `write` accepts ranges of the disk in any order and concurrently;
 * ranges that are never written read as zeros.
 */
export interface LocalImage extends PageWriter, Lifecycle {
  readonly path: string;
  /** Length of the file in bytes. In a dynamic format it grows with each new block, and is final after `finish`. */
  readonly size: number;
  /**
   * Reads back what was written to a range of the disk. No write may be in flight.
   * @throws {LocalFileError}
   */
  read(range: ByteRange, into: Uint8Array): Promise<void>;
  /**
   * Makes all data durable whose `write` has settled, and returns what a later run needs to resume after a kill or a power failure.
   * Writes may continue meanwhile. After a failure, all later calls fail: the system may have dropped data that it could not flush.
   * @throws {LocalFileError}
   */
  checkpoint(): Promise<LocalImageState>;
  /**
   * Writes the structures that make the file valid, and gives it its name. Resolves when it survives a power failure.
   * @throws {LocalFileError} another program created a file of this name, and `overwrite` is false. `abandon` or `keep` must follow.
   */
  finish(): Promise<void>;
  /** Removes the temporary file. Does not fail. */
  abandon(): Promise<undefined>;
  /** Closes the temporary file and leaves it for a resume from the last state that `checkpoint` returned. Does not fail. */
  keep(): Promise<void>;
}

export interface LocalImageOptions extends LocalFileOptions {
  readonly path: string;
  readonly format: LocalImageFormat;
  /** Size of the disk in bytes: a positive multiple of 512. The writer does not pad it. */
  readonly diskSize: number;
  /** The unique id of the disk: 16 bytes. A raw file stores none. */
  readonly diskId: Uint8Array;
  /** Creation time of the disk: seconds since 2000-01-01T00:00:00Z, 0 if unknown. Only VHDs store it. */
  readonly timestamp: number;
  /** The footer of a fixed VHD: 512 bytes. @default a new one, see `encodeFixedFooter` */
  readonly footer?: Uint8Array;
  /** Replace an existing file. */
  readonly overwrite: boolean;
  /** Resumes the image of this state, whose path, format and disk must be the same. @default creates the image */
  readonly resume?: LocalImageState;
}
