// The messages between a WindowMemory and its worker.
import type { FilePiece } from '../base/byte-range.ts';
import type { ChecksumAlgorithm } from '../base/page-run.ts';

export interface WindowWorkerData {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  /** A longer read of a window comes from the disk, not from the system's cache, in milliseconds. */
  readonly slowReadMs: number;
}

/** A request to read `piece`, if given, into the memory from `start` to `end`, and to compute the checksum of that range. */
export interface WindowTask {
  readonly algorithm: Exclude<ChecksumAlgorithm, 'none'>;
  readonly start: number;
  readonly end: number;
  readonly piece?: FilePiece;
}

export interface WindowAnswer {
  /** False if the piece could not be read completely: the contents of the memory are then undefined. */
  readonly isRead: boolean;
  /** Undefined if nothing was read, or if the data seems to contain pages of zeros, which are not sent. */
  readonly value: Uint8Array | undefined;
}
