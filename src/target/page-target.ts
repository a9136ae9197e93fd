// TransferTarget: where runs of pages go, whatever it is.
import type { ByteRange } from '../base/byte-range.ts';

/** How each request is covered: CRC-64/NVME (`x-ms-content-crc64`), MD5 (`Content-MD5`), or not at all. */
export type ChecksumAlgorithm = 'crc64' | 'md5' | 'none';

export const CHECKSUM_ALGORITHMS = ['crc64', 'md5', 'none'] as const satisfies readonly ChecksumAlgorithm[];

/** The checksum of the bytes of one request, in the byte order of the header that carries it. */
export interface Checksum {
  readonly algorithm: Exclude<ChecksumAlgorithm, 'none'>;
  readonly value: Uint8Array;
}

/** A 512-aligned run of at most 4 MiB inside the target, with its bytes. */
export interface PageRun {
  readonly range: ByteRange;
  /** As long as the range. The target must not keep them: the memory is used again once `write` has settled. */
  readonly bytes: Uint8Array;
  readonly checksum?: Checksum | undefined;
}

/** A place of a fixed size that takes runs in any order and side by side. */
export interface TransferTarget {
  /**
   * Puts the run in its place. Resolves when the target has acknowledged it. Doing it again is harmless.
   * On abort it settles soon, with the reason of the signal, and no byte is in flight any more.
   * @throws {ServiceError} with `failure.transient` when trying again can help.
   */
  write(run: PageRun, signal: AbortSignal): Promise<void>;
}
