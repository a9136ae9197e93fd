// Canonical Huffman codes, as XPRESS and LZX use them: shorter codes first, equal lengths in the order of the symbols.

/** Bits of the longest code. */
const MAX_BITS = 16;

/** Decodes symbols by tables over the whole length of a code. */
export class HuffmanCode {
  readonly #counts = new Uint16Array(MAX_BITS + 1);
  readonly #symbols: Uint16Array;

  /** @param lengths Bits of the code of each symbol, at most 16; 0 for symbols without. */
  constructor(lengths: Uint8Array) {
    const starts = new Uint16Array(MAX_BITS + 2);
    for (const length of lengths) this.#counts[length] = (this.#counts[length] ?? 0) + 1;
    this.#counts[0] = 0;
    for (let bits = 1; bits <= MAX_BITS; bits++) starts[bits + 1] = (starts[bits] ?? 0) + (this.#counts[bits] ?? 0);
    this.#symbols = new Uint16Array(lengths.length);
    for (const [symbol, length] of lengths.entries()) {
      if (length === 0) continue;
      this.#symbols[starts[length] ?? 0] = symbol;
      starts[length] = (starts[length] ?? 0) + 1;
    }
  }

  /** Undefined if the bits are no code. */
  read(bits: BitReader): number | undefined {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= MAX_BITS; length++) {
      code |= bits.read(1);
      const count = this.#counts[length] ?? 0;
      if (code - first < count) return this.#symbols[index + code - first];
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return undefined;
  }
}

/** Bits from words of 16 bits, little-endian, highest bit first. Behind the end are zeros. */
export class BitReader {
  /** Of the next word, or of the next byte that `readByte` returns. */
  at: number;
  readonly #bytes: Buffer;
  #value = 0;
  #count = 0;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** @param count At most 16. */
  read(count: number): number {
    this.fill(count);
    this.#count -= count;
    const value = this.#value >>> this.#count;
    this.#value &= (1 << this.#count) - 1;
    return value;
  }

  /** Reads words until at least this many bits, at most 16, are at hand. */
  fill(count: number): void {
    if (this.#count >= count) return;
    this.#value = (this.#value << 16) | (this.readByte() | (this.readByte() << 8));
    this.#count += 16;
  }

  /** The next byte that no word has. */
  readByte(): number {
    return this.#bytes[this.at++] ?? 0;
  }

  /** Drops the bits at hand; the next word begins a stream of its own. */
  align(): void {
    if (this.#count === 0) this.at += 2;
    this.#value = 0;
    this.#count = 0;
  }
}
