// CRC-64/NVME, which Azure Storage calls CRC64, as WebAssembly over memory that threads share.
import { CRC64_POLYNOMIAL, CRC64_STEP, encodeCrc64Module } from './crc64-module.ts';

declare global {
  // The part of lib.dom that is used here; the rest of it does not belong into a program for Node.
  namespace WebAssembly {
    interface MemoryDescriptor {
      initial: number;
      maximum: number;
      shared: true;
    }
    class Memory {
      constructor(descriptor: MemoryDescriptor);
      readonly buffer: SharedArrayBuffer;
      /** @returns the size before, in pages of 64 KiB. */
      grow(pages: number): number;
    }
    class Module {
      constructor(bytes: Uint8Array<ArrayBuffer>);
    }
    class Instance {
      constructor(module: Module, imports: { env: { memory: Memory } });
      readonly exports: { crc64(start: number, end: number): bigint };
    }
  }
}

/** Bytes at the beginning of the memory that hold the tables. */
export const CRC64_TABLES_SIZE = CRC64_STEP * 256 * BigUint64Array.BYTES_PER_ELEMENT;

/** Writes the tables to the beginning of `memory`. Once for all threads. */
export function writeCrc64Tables(memory: WebAssembly.Memory): void {
  const tables = new BigUint64Array(memory.buffer, 0, CRC64_STEP * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ CRC64_POLYNOMIAL : crc >> 1n;
    tables[byte] = crc;
  }
  // Table k tells what a byte does to the CRC when k more bytes follow it.
  for (let index = 256; index < tables.length; index++) {
    const shorter = tables[index - 256] ?? 0n;
    tables[index] = (shorter >> 8n) ^ (tables[Number(shorter & 0xffn)] ?? 0n);
  }
}

/**
 * The module: it imports `env.memory` and exports `crc64(start, end)`, for a range that is not empty and whose length is a
 * multiple of 32. Compiled once, instantiated in each thread.
 */
export function compileCrc64(): WebAssembly.Module {
  return new WebAssembly.Module(encodeCrc64Module());
}
