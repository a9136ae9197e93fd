// Numbers of up to 64 bits, little-endian.
import { UnreadableError } from '../opened-file-system.ts';

/** @param what Begins the message: "its size". @throws {UnreadableError} the number is too large to be right. */
export function safeNumber(value: bigint, what: string): number {
  if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER)
    throw new UnreadableError(`${what} is ${value}`);
  return Number(value);
}

/** A file reference: the number of a record, and the sequence number that the record has while the file exists. */
export interface FileReference {
  readonly number: number;
  readonly sequence: number;
}

export function referenceAt(bytes: Buffer, at: number): FileReference {
  return { number: bytes.readUIntLE(at, 6), sequence: bytes.readUInt16LE(at + 6) };
}
