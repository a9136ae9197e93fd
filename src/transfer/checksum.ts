// The checksum of a few bytes, at once. Those of windows are computed in their memory: see window-memory.ts.
import { createHash } from 'node:crypto';
import type { Checksum, ChecksumAlgorithm } from '../target.ts';
import { CRC64_TABLES_SIZE, compileCrc64, writeCrc64Tables } from './crc64.ts';

/** @param bytes - A page: 512 bytes. */
export function pageChecksum(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Checksum | undefined {
  switch (algorithm) {
    case 'none':
      return undefined;
    case 'md5':
      return { algorithm, value: createHash('md5').update(bytes).digest() };
    case 'crc64': {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
      writeCrc64Tables(memory);
      new Uint8Array(memory.buffer).set(bytes, CRC64_TABLES_SIZE);
      const value = Buffer.alloc(8);
      const { crc64 } = new WebAssembly.Instance(compileCrc64(), { env: { memory } }).exports;
      value.writeBigInt64LE(crc64(CRC64_TABLES_SIZE, CRC64_TABLES_SIZE + bytes.length));
      return { algorithm, value };
    }
  }
}
