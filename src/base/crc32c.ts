// CRC-32C (Castagnoli): the checksum of VHDX structures (MS-VHDX 2.2.2, 2.2.3.1, 2.3.1.1) and of the metadata of XFS.
import { createCRC32, type IHasher } from 'hash-wasm';

/** The Castagnoli polynomial, with reversed bits. */
const CASTAGNOLI = 0x82f63b78;

/** Offset in bytes of the checksum in a header, region table or log entry of VHDX. */
const VHDX_FIELD = 4;
/** Length in bytes of the checksum in a structure. It counts as zeros. */
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

  /** Restarts with the first bytes of a structure, whose checksum field at `field` counts as zeros. */
  start(structure: Uint8Array, field = VHDX_FIELD): void {
    this.#hasher.init();
    this.#hasher.update(structure.subarray(0, field));
    this.#hasher.update(new Uint8Array(FIELD_LENGTH));
    this.#hasher.update(structure.subarray(field + FIELD_LENGTH));
  }

  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  value(): number {
    return Number.parseInt(this.#hasher.digest('hex'), 16);
  }

  /** The checksum of a structure that is completely in memory, with a checksum field at `field`. */
  of(structure: Uint8Array, field = VHDX_FIELD): number {
    this.start(structure, field);
    return this.value();
  }

  /** Writes the checksum of a VHDX structure into its field. */
  seal(structure: Buffer): Uint8Array {
    structure.writeUInt32LE(this.of(structure), VHDX_FIELD);
    return structure;
  }
}
