// The part of the WebAssembly binary format that is needed here. Source: webassembly.github.io/spec/core/binary.

export const TYPE = { i32: 0x7f, i64: 0x7e, v128: 0x7b, function: 0x60 } as const;
export const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
export const OP = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  branch: 0x0c,
  branchIf: 0x0d,
  return: 0x0f,
  call: 0x10,
  drop: 0x1a,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i64Load: 0x29,
  i64Store: 0x37,
  i32Const: 0x41,
  i64Const: 0x42,
  i32LessUnsigned: 0x49,
  i64NotEqual: 0x52,
  i32Add: 0x6a,
  i32Subtract: 0x6b,
  i32And: 0x71,
  i32ShiftRightUnsigned: 0x76,
  i64Subtract: 0x7d,
  i64And: 0x83,
  i64Xor: 0x85,
  i64ShiftLeft: 0x86,
  i64ShiftRight: 0x87,
  i64ShiftRightUnsigned: 0x88,
  i32WrapI64: 0xa7,
} as const;
/** Instructions of more than one byte. */
export const MEMORY_COPY = [0xfc, 0x0a, 0, 0] as const;
export const MEMORY_FILL = [0xfc, 0x0b, 0] as const;
export const V128_LOAD = [0xfd, 0x00] as const;
export const V128_STORE = [0xfd, 0x0b] as const;
export const V128_XOR = [0xfd, 0x51] as const;
/** The type of a block without parameters and results. */
export const EMPTY_BLOCK = 0x40;
/** The alignment of a memory access, as an exponent of two. */
export const ALIGNED_8 = 3;
export const ALIGNED_16 = 4;
export const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00] as const;

/** The body of a function. @param locals - The local variables after the parameters, as counts by type. */
export function functionBody(
  locals: readonly (readonly [count: number, type: number])[],
  code: readonly number[],
): number[] {
  const body = [...vector(locals.map(([count, type]) => [...unsigned(count), type])), ...code, OP.end];
  return [...unsigned(body.length), ...body];
}

export function section(id: number, entries: readonly (readonly number[])[]): number[] {
  const content = vector(entries);
  return [id, ...unsigned(content.length), ...content];
}

export function vector(entries: readonly (readonly number[])[]): number[] {
  return [...unsigned(entries.length), ...entries.flat()];
}

export function text(name: string): number[] {
  return [...unsigned(name.length), ...Buffer.from(name)];
}

/** Unsigned LEB128. */
export function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Signed LEB128. */
export function signed(value: number | bigint): number[] {
  const rest = BigInt(value);
  const byte = Number(rest & 0x7fn);
  const isLast = rest >= -0x40n && rest < 0x40n;
  return isLast ? [byte] : [byte | 0x80, ...signed(rest >> 7n)];
}
