// The messages between a WindowMemory and its worker.
import type { FilePiece } from '../base/byte-range.ts';
import type { ChecksumAlgorithm } from '../base/page-run.ts';

export interface WindowWorkerData {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  /** A window that takes longer to read comes from the disk and not from the system's cache, in milliseconds. */
  readonly slowReadMs: number;
}

/** Asks for the checksum of the memory from `start` to `end`, after `piece`, if given, is read into it. */
export interface WindowTask {
  readonly algorithm: Exclude<ChecksumAlgorithm, 'none'>;
  readonly start: number;
  readonly end: number;
  readonly piece?: FilePiece;
}

export interface WindowAnswer {
  /** False if the piece could not be read completely: the memory may contain anything then. */
  readonly isRead: boolean;
  /** Undefined if nothing was read, or if it seems to contain pages of zeros, which are not sent. */
  readonly value: Uint8Array | undefined;
}
