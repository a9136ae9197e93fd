// CRC-32C (Castagnoli), the checksum of VHDX structures (MS-VHDX 2.2.2, 2.2.3.1, 2.3.1.1).
import { createCRC32, type IHasher } from 'hash-wasm';

/** The Castagnoli polynomial, with reversed bits. */
const CASTAGNOLI = 0x82f63b78;

/** Offset and length in bytes of the checksum in a header, region table or log entry. It counts as zeros. */
const FIELD_OFFSET = 4;
const FIELD_LENGTH = 4;

/** A running checksum for one caller at a time: `start`, any number of `update`, `value`. */
export class Crc32c {
  readonly #hasher: IHasher;

  private constructor(hasher: IHasher) {
    this.#hasher = hasher;
  }

  static async create(): Promise<Crc32c> {
    return new Crc32c(await createCRC32(CASTAGNOLI));
  }

  /** Restarts with the first bytes of a structure, whose checksum field counts as zeros. */
  start(structure: Uint8Array): void {
    this.#hasher.init();
    this.#hasher.update(structure.subarray(0, FIELD_OFFSET));
    this.#hasher.update(new Uint8Array(FIELD_LENGTH));
    this.#hasher.update(structure.subarray(FIELD_OFFSET + FIELD_LENGTH));
  }

  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  value(): number {
    return Number.parseInt(this.#hasher.digest('hex'), 16);
  }

  /** The checksum of a structure that is completely in memory. */
  of(structure: Uint8Array): number {
    this.start(structure);
    return this.value();
  }

  /** Writes the checksum of a structure into its field. */
  seal(structure: Buffer): Uint8Array {
    structure.writeUInt32LE(this.of(structure), FIELD_OFFSET);
    return structure;
  }
}
