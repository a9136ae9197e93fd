// Computes checksums of bytes in shared memory, without a copy.
import { createHash } from 'node:crypto';
import type { ChecksumAlgorithm } from '../base/page-run.ts';

/** Only one thread at a time may compute a CRC64 in the same memory. */
export class SharedChecksums {
  readonly #memory: WebAssembly.Memory;
  readonly #crc64: (start: number, end: number) => bigint;

  /** @param module - From `compileCrc64`. */
  constructor(memory: WebAssembly.Memory, module: WebAssembly.Module) {
    this.#memory = memory;
    this.#crc64 = new WebAssembly.Instance(module, { env: { memory } }).exports.crc64;
  }

  /** The checksum of the memory from `start` to `end`. The range must not be empty, and its length a multiple of 512. */
  compute(algorithm: Exclude<ChecksumAlgorithm, 'none'>, start: number, end: number): Uint8Array {
    if (algorithm === 'md5') return new Uint8Array(createHash('md5').update(this.bytes(start, end)).digest());
    const value = new Uint8Array(8);
    new DataView(value.buffer).setBigInt64(0, this.#crc64(start, end), true);
    return value;
  }

  bytes(start: number, end: number): Uint8Array {
    // If another thread has grown the memory, this thread may see the new length only after it calls grow.
    if (end > this.#memory.buffer.byteLength) this.#memory.grow(0);
    return new Uint8Array(this.#memory.buffer, start, end - start);
  }
}
