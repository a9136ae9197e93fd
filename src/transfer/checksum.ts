// Computes the checksum of a few bytes synchronously. For windows, see window-memory.ts.
import { createHash } from 'node:crypto';
import type { Checksum, ChecksumAlgorithm } from '../base/page-run.ts';
import { CRC64_DATA_START, compileCrc64, newCrc64Memory } from './crc64/crc64.ts';

/** @param bytes - A page: 512 bytes. */
export function pageChecksum(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Checksum | undefined {
  switch (algorithm) {
    case 'none':
      return undefined;
    case 'md5':
      return { algorithm, value: createHash('md5').update(bytes).digest() };
    case 'crc64': {
      const memory = newCrc64Memory(bytes.length);
      new Uint8Array(memory.buffer).set(bytes, CRC64_DATA_START);
      const value = Buffer.alloc(8);
      const { crc64 } = new WebAssembly.Instance(compileCrc64(), { env: { memory } }).exports;
      value.writeBigInt64LE(crc64(CRC64_DATA_START, CRC64_DATA_START + bytes.length));
      return { algorithm, value };
    }
  }
}
