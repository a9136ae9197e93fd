// Numbers of 64 bits, little-endian.
import { UnreadableError } from '../opened-file-system.ts';

/** As a double: exact up to 2^53, and never below 2^53 for what is above it. */
export function roughly64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
}

/** @param name For the message: "number of bytes". @throws {UnreadableError} the value exceeds 2^53 - 1. */
export function number64(bytes: Buffer, at: number, name: string): number {
  const value = roughly64(bytes, at);
  if (!Number.isSafeInteger(value)) throw new UnreadableError(`its ${name} is ${bytes.readBigUInt64LE(at)}`);
  return value;
}

export function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value));
}
