// What a WindowMemory and its worker say to each other.
import type { FilePiece } from '../base/byte-range.ts';
import type { ChecksumAlgorithm } from '../base/page-run.ts';

export interface WindowWorkerData {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  /** A window that takes longer to read comes from the medium and not from the system's memory, in milliseconds. */
  readonly slowReadMs: number;
}

/** The checksum of the memory from `start` to `end` is wanted, after `piece`, where there is one, was read into it. */
export interface WindowTask {
  readonly algorithm: Exclude<ChecksumAlgorithm, 'none'>;
  readonly start: number;
  readonly end: number;
  readonly piece?: FilePiece;
}

export interface WindowAnswer {
  /** False where the piece could not be read whole: anything may be in the memory then. */
  readonly isRead: boolean;
  /** Undefined where nothing was read, or where what was read has pages of zeros, and so may not be sent as it is. */
  readonly value: Uint8Array | undefined;
}
