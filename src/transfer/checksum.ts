// Checksums that the service verifies: CRC-64/NVME and MD5 of the bytes of one request.
import { createHash } from 'node:crypto';
import { createCRC64 } from 'hash-wasm';
import type { Checksum, ChecksumAlgorithm } from '../target.ts';

/** The polynomial of CRC-64/NVME, reflected: what Azure Storage calls CRC64. */
const CRC64_NVME = '9a6c9329ac4bc9b5';

export type ChecksumFunction = (bytes: Uint8Array) => Checksum | undefined;

/** Loads what the algorithm needs; the function that comes back is synchronous. */
export async function createChecksum(algorithm: ChecksumAlgorithm): Promise<ChecksumFunction> {
  switch (algorithm) {
    case 'none':
      return () => undefined;
    case 'md5':
      return (bytes) => ({ algorithm, value: createHash('md5').update(bytes).digest() });
    case 'crc64': {
      const crc64 = await createCRC64(CRC64_NVME);
      // The header carries the eight bytes little-endian; hash-wasm gives them big-endian.
      return (bytes) => ({ algorithm, value: crc64.init().update(bytes).digest('binary').reverse() });
    }
  }
}
