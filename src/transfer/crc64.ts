// CRC-64/NVME, which Azure Storage calls CRC64, as WebAssembly over memory that threads share.

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

/** The polynomial, reflected. Source: the NVM Express command set specification; Azurite's utils.ts for its use in Azure. */
const POLYNOMIAL = 0x9a6c9329ac4bc9b5n;

/** Bytes per step: sixteen independent table look-ups keep the processor busier than eight. */
const STEP = 16;

/** Bytes at the beginning of the memory that hold the tables. */
export const CRC64_TABLES_SIZE = STEP * 256 * BigUint64Array.BYTES_PER_ELEMENT;

/** Writes the tables to the beginning of `memory`. Once for all threads. */
export function writeCrc64Tables(memory: WebAssembly.Memory): void {
  const tables = new BigUint64Array(memory.buffer, 0, STEP * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ POLYNOMIAL : crc >> 1n;
    tables[byte] = crc;
  }
  // Table k tells what a byte does to the CRC when k more bytes follow it.
  for (let index = 256; index < tables.length; index++) {
    const shorter = tables[index - 256] ?? 0n;
    tables[index] = (shorter >> 8n) ^ (tables[Number(shorter & 0xffn)] ?? 0n);
  }
}

/**
 * The module: it imports `env.memory` and exports `crc64(start: i32, end: i32): i64`. The range must not be empty, and its
 * length a multiple of 16. Compiled once, instantiated in each thread.
 */
export function compileCrc64(): WebAssembly.Module {
  return new WebAssembly.Module(encodeModule());
}

// WebAssembly binary format: webassembly.github.io/spec/core/binary. Only what is needed here.
const I32 = 0x7f;
const I64 = 0x7e;
const FUNCTION = 0x60;
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const OP = {
  loop: 0x03,
  end: 0x0b,
  branchIf: 0x0d,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i64Load: 0x29,
  i32Const: 0x41,
  i64Const: 0x42,
  i32LessUnsigned: 0x49,
  i32Add: 0x6a,
  i32And: 0x71,
  i64Xor: 0x85,
  i64ShiftLeft: 0x86,
  i64ShiftRightUnsigned: 0x88,
  i32WrapI64: 0xa7,
} as const;
const EMPTY_BLOCK = 0x40;
/** Of a memory access: the exponent of its alignment. */
const ALIGNED_8 = 3;

const LOCAL = { position: 0, end: 1, crc: 2, low: 3, high: 4 } as const;

function encodeModule(): Uint8Array<ArrayBuffer> {
  const code = [...vector([[...unsigned(3), I64]]), ...encodeBody()];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(SECTION.type, [[FUNCTION, ...vector([[I32], [I32]]), ...vector([[I64]])]]),
    // A shared memory of at least one page of 64 KiB and at most 4 GiB.
    ...section(SECTION.import, [[...text('env'), ...text('memory'), 0x02, 0x03, ...unsigned(1), ...unsigned(65536)]]),
    ...section(SECTION.function, [[0]]),
    ...section(SECTION.export, [[...text('crc64'), 0x00, 0x00]]),
    ...section(SECTION.code, [[...unsigned(code.length), ...code]]),
  ]);
}

/** crc = ~0; do { crc = step(crc, 16 bytes) } while (position < end); return ~crc */
function encodeBody(): number[] {
  const lookUps = Array.from({ length: STEP }, (_, byte) => [
    ...lookUp(byte < 8 ? LOCAL.low : LOCAL.high, byte % 8, STEP - 1 - byte),
    ...(byte === 0 ? [] : [OP.i64Xor]),
  ]).flat();
  return [
    ...[OP.i64Const, ...signed(-1), OP.localSet, LOCAL.crc],
    ...[OP.loop, EMPTY_BLOCK],
    ...[OP.localGet, LOCAL.position, OP.i64Load, ALIGNED_8, ...unsigned(0)],
    ...[OP.localGet, LOCAL.crc, OP.i64Xor, OP.localSet, LOCAL.low],
    ...[OP.localGet, LOCAL.position, OP.i64Load, ALIGNED_8, ...unsigned(8), OP.localSet, LOCAL.high],
    ...lookUps,
    ...[OP.localSet, LOCAL.crc],
    ...[OP.localGet, LOCAL.position, OP.i32Const, ...signed(STEP), OP.i32Add, OP.localTee, LOCAL.position],
    ...[OP.localGet, LOCAL.end, OP.i32LessUnsigned, OP.branchIf, 0],
    ...[OP.end],
    ...[OP.localGet, LOCAL.crc, OP.i64Const, ...signed(-1), OP.i64Xor, OP.end],
  ];
}

/** The entry of `table` for one byte of a local. The byte is shifted to where it is its entry's offset, times eight. */
function lookUp(local: number, byte: number, table: number): number[] {
  const shift =
    byte === 0
      ? [OP.i64Const, ...signed(3), OP.i64ShiftLeft]
      : [OP.i64Const, ...signed(8 * byte - 3), OP.i64ShiftRightUnsigned];
  return [
    ...[OP.localGet, local, ...shift, OP.i32WrapI64],
    ...[OP.i32Const, ...signed(0xff << 3), OP.i32And],
    ...[OP.i64Load, ALIGNED_8, ...unsigned(table * 256 * 8)],
  ];
}

function section(id: number, entries: readonly (readonly number[])[]): number[] {
  const content = vector(entries);
  return [id, ...unsigned(content.length), ...content];
}

function vector(entries: readonly (readonly number[])[]): number[] {
  return [...unsigned(entries.length), ...entries.flat()];
}

function text(name: string): number[] {
  return [...unsigned(name.length), ...Buffer.from(name)];
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** LEB128 of a signed number of at most 31 bits. */
function signed(value: number): number[] {
  const isLast = value >= -0x40 && value < 0x40;
  return isLast ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
