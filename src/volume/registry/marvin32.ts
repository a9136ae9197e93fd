// Marvin32: the checksum of the entries of a transaction log (msuhanov/regf, "Log entries"; the function is in US patent 20130262421).

/** The seed for logs is 82 EF 4D 88 7A 4E 55 C5, the high word first. */
const SEED_LOW = 0x7a4e55c5;
const SEED_HIGH = 0x82ef4d88;

/** The hash of bytes that arrive in parts. Each part has a length that is a multiple of 4. */
export class Marvin32 {
  #low = SEED_LOW;
  #high = SEED_HIGH;

  update(bytes: Uint8Array): this {
    if (bytes.length % 4 !== 0) throw new RangeError(`A part has ${bytes.length} bytes, not a multiple of 4.`);
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; at += 4) this.#mix(words.getUint32(at, true));
    return this;
  }

  /** 64 bits. */
  digest(): bigint {
    this.#mix(0x80);
    this.#mix(0);
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0);
  }

  #mix(word: number): void {
    let low = (this.#low + word) | 0;
    let high = this.#high ^ low;
    low = (rotated(low, 20) + high) | 0;
    high = rotated(high, 9) ^ low;
    low = (rotated(low, 27) + high) | 0;
    this.#high = rotated(high, 19);
    this.#low = low;
  }
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
