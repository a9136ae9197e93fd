// XPRESS with Huffman codes (Microsoft, [MS-XCA] 2.1 and 2.2), as WOF stores single chunks of files.
import { BitReader, HuffmanCode } from './huffman.ts';

const SYMBOLS = 512;
const LITERALS = 256;
const MIN_LENGTH = 3;

/** Fills `into`. @returns false if the data is damaged. */
export function decompressXpress(bytes: Buffer, into: Buffer): boolean {
  if (bytes.length < SYMBOLS / 2) return false;
  const lengths = new Uint8Array(SYMBOLS);
  for (let index = 0; index < SYMBOLS; index++) lengths[index] = ((bytes[index >> 1] ?? 0) >> (4 * (index & 1))) & 0xf;
  const code = new HuffmanCode(lengths);
  const bits = new BitReader(bytes, SYMBOLS / 2);
  // Bytes of long lengths lie between the words of bits: behind those that are needed to have 16 bits at hand.
  bits.fill(16);
  for (let at = 0; at < into.length; ) {
    const symbol = code.read(bits);
    if (symbol === undefined) return false;
    bits.fill(16);
    if (symbol < LITERALS) {
      into[at++] = symbol;
      continue;
    }
    const distanceBits = (symbol - LITERALS) >> 4;
    const length = readLength(bits, symbol & 0xf);
    const distance = (1 << distanceBits) | bits.read(distanceBits);
    bits.fill(16);
    if (distance > at || at + length > into.length) return false;
    for (const end = at + length; at < end; at++) into[at] = into[at - distance] ?? 0;
  }
  return true;
}

function readLength(bits: BitReader, short: number): number {
  if (short < 15) return short + MIN_LENGTH;
  const byte = bits.readByte();
  if (byte < 255) return byte + 15 + MIN_LENGTH;
  return (bits.readByte() | (bits.readByte() << 8)) + MIN_LENGTH;
}
