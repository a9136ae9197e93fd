// Pages that are sent to a target, and the checksums that cover them.
import type { ByteRange } from './byte-range.ts';

/** The checksum of each request: CRC-64/NVME (`x-ms-content-crc64`), MD5 (`Content-MD5`), or none. */
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
  /** As long as the range. The target must not keep them: the memory is reused when `write` has settled. */
  readonly bytes: Uint8Array;
  readonly checksum?: Checksum | undefined;
}
