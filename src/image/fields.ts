// Reads the numbers and bytes of an on-disk structure, and rejects values that a number cannot represent exactly.

import { printable } from '../base/printable.ts';
import { CorruptImageError } from '../errors.ts';

/** The place of a structure, for error messages. */
export interface StructureLocation {
  /** Path of the file. */
  readonly path: string;
  /** The name of the structure in its specification: "footer", "dynamic header", "BAT". */
  readonly structure: string;
  /** Offset of the structure in the file, in bytes. */
  readonly offset: number;
}

/** The fields of one structure. Offsets are relative to its first byte. VHD is big-endian, VHDX is little-endian. */
export class Fields {
  readonly bytes: Uint8Array;
  readonly location: StructureLocation;
  readonly #view: DataView;
  readonly #littleEndian: boolean;

  constructor(bytes: Uint8Array, location: StructureLocation, endian: 'big' | 'little') {
    this.bytes = bytes;
    this.location = location;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = endian === 'little';
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    return this.#view.getUint16(offset, this.#littleEndian);
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, this.#littleEndian);
  }

  bigU64(offset: number): bigint {
    return this.#view.getBigUint64(offset, this.#littleEndian);
  }

  /**
   * A 64-bit offset or size as a number.
   * @throws {CorruptImageError} the value exceeds 2^53 - 1 (8 PiB). No image is that large.
   */
  u64(offset: number, field: string): number {
    const value = this.bigU64(offset);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.corrupt(`its ${field} is ${value}`);
    return Number(value);
  }

  ascii(offset: number, length: number): string {
    return Buffer.from(this.slice(offset, length)).toString('latin1');
  }

  /** A view, not a copy. */
  slice(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(offset, offset + length);
  }

  /** An error about this structure: "Cannot use the footer at 1024 of disk.vhd: <problem>." */
  corrupt(problem: string): CorruptImageError {
    const { path, structure, offset } = this.location;
    return new CorruptImageError(`Cannot use the ${structure} at ${offset} of ${printable(path)}: ${problem}.`);
  }
}
