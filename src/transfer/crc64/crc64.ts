// CRC-64/NVME, which Azure Storage calls CRC64, in WebAssembly over memory shared between threads.
import { CRC64_POLYNOMIAL, CRC64_STEP, CRC64_WORK_SIZE, encodeCrc64Module } from './crc64-module.ts';

declare global {
  // The part of lib.dom that is used here. The rest of lib.dom does not exist in Node.js.
  namespace WebAssembly {
    interface MemoryDescriptor {
      initial: number;
      maximum: number;
      shared: true;
    }
    class Memory {
      constructor(descriptor: MemoryDescriptor);
      readonly buffer: SharedArrayBuffer;
      /** @returns the previous size, in pages of 64 KiB. */
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

const WASM_PAGE = 64 * 1024;

/** The first offset for data. The module uses the memory before it. A multiple of 64 KiB. */
export const CRC64_DATA_START = wholePages(CRC64_WORK_SIZE) * WASM_PAGE;

/**
 * Memory for the module.
 * @param size - Bytes for data, from `CRC64_DATA_START` on.
 * @param maxSize - The size to which it can grow.
 */
export function newCrc64Memory(size: number, maxSize = size): WebAssembly.Memory {
  const pages = (bytes: number) => wholePages(CRC64_DATA_START + bytes);
  const memory = new WebAssembly.Memory({ initial: pages(size), maximum: pages(maxSize), shared: true });
  writeTables(memory);
  return memory;
}

function wholePages(bytes: number): number {
  return Math.ceil(bytes / WASM_PAGE);
}

/** All threads share the tables. */
function writeTables(memory: WebAssembly.Memory): void {
  const tables = new BigUint64Array(memory.buffer, 0, CRC64_STEP * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ CRC64_POLYNOMIAL : crc >> 1n;
    tables[byte] = crc;
  }
  // Table k contains the effect of a byte on the CRC when k more bytes follow it.
  for (let index = 256; index < tables.length; index++) {
    const shorter = tables[index - 256] ?? 0n;
    tables[index] = (shorter >> 8n) ^ (tables[Number(shorter & 0xffn)] ?? 0n);
  }
}

/**
 * The module imports `env.memory` and exports `crc64(start, end)`. The range must not be empty, and its length a multiple of 32.
 * Threads that share a memory must not call it at the same time.
 */
export function compileCrc64(): WebAssembly.Module {
  return new WebAssembly.Module(encodeCrc64Module());
}
