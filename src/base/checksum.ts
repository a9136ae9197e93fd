// Checksum: checksums of bytes that are completely in memory, of the kinds that file systems use.
import { createBLAKE2b, createCRC32, createSHA256, createXXHash64, type IHasher } from 'hash-wasm';

/** The Castagnoli polynomial, with reversed bits. */
const CASTAGNOLI = 0x82f63b78;

const CREATORS = {
  crc32c: () => createCRC32(CASTAGNOLI),
  xxhash64: () => createXXHash64(),
  sha256: () => createSHA256(),
  'blake2b-256': () => createBLAKE2b(256),
} as const;

export type ChecksumKind = keyof typeof CREATORS;

export class Checksum {
  readonly #hasher: IHasher;

  private constructor(hasher: IHasher) {
    this.#hasher = hasher;
  }

  static async create(kind: ChecksumKind): Promise<Checksum> {
    return new Checksum(await CREATORS[kind]());
  }

  /** The bytes of the checksum in their usual order: numbers are big-endian. */
  of(bytes: Uint8Array): Uint8Array {
    this.#hasher.init();
    this.#hasher.update(bytes);
    return this.#hasher.digest('binary');
  }
}
