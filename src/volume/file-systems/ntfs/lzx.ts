// LZX with a window of 32 KiB (Microsoft, [MS-PATCH] and the WIM format), as WOF stores single chunks of files.
import { BitReader, HuffmanCode } from './huffman.ts';

const LITERALS = 256;
const SLOTS = 30;
const MAIN_SYMBOLS = LITERALS + 8 * SLOTS;
const LENGTH_SYMBOLS = 249;
const DEFAULT_BLOCK = 32_768;
const MIN_LENGTH = 2;
const VERBATIM = 1;
const ALIGNED = 2;
const UNCOMPRESSED = 3;

/** What the blocks of a chunk share. */
interface State {
  readonly bits: BitReader;
  readonly mainLengths: Uint8Array;
  readonly lengthLengths: Uint8Array;
  /** The last three distances, most recent first. */
  readonly recent: [number, number, number];
}

/** Fills `into`. @returns false if the data is damaged. */
export function decompressLzx(bytes: Buffer, into: Buffer): boolean {
  const state: State = {
    bits: new BitReader(bytes, 0),
    mainLengths: new Uint8Array(MAIN_SYMBOLS),
    lengthLengths: new Uint8Array(LENGTH_SYMBOLS),
    recent: [1, 1, 1],
  };
  for (let at = 0; at < into.length; ) {
    const type = state.bits.read(3);
    const length = state.bits.read(1) === 1 ? DEFAULT_BLOCK : state.bits.read(16);
    const end = at + length;
    if (length === 0 || end > into.length) return false;
    const isSound =
      type === UNCOMPRESSED ? copyBlock(state, bytes, into, at, end) : readBlock(state, type, into, at, end);
    if (!isSound) return false;
    at = end;
  }
  restoreCalls(into);
  return true;
}

function copyBlock({ bits, recent }: State, bytes: Buffer, into: Buffer, at: number, end: number): boolean {
  bits.align();
  const start = bits.at + 12;
  if (start + end - at > bytes.length) return false;
  for (let index = 0; index < 3; index++) recent[index] = bytes.readUInt32LE(bits.at + 4 * index);
  bytes.copy(into, at, start, start + end - at);
  bits.at = start + end - at + ((end - at) & 1);
  return true;
}

function readBlock(state: State, type: number, into: Buffer, at: number, end: number): boolean {
  const { bits, mainLengths, lengthLengths } = state;
  if (type !== VERBATIM && type !== ALIGNED) return false;
  const aligned = type === ALIGNED ? new HuffmanCode(Uint8Array.from({ length: 8 }, () => bits.read(3))) : undefined;
  const isSound =
    readLengths(bits, mainLengths.subarray(0, LITERALS)) &&
    readLengths(bits, mainLengths.subarray(LITERALS)) &&
    readLengths(bits, lengthLengths);
  if (!isSound) return false;
  const main = new HuffmanCode(mainLengths);
  const lengths = new HuffmanCode(lengthLengths);
  while (at < end) {
    const symbol = main.read(bits);
    if (symbol === undefined) return false;
    if (symbol < LITERALS) {
      into[at++] = symbol;
      continue;
    }
    const header = symbol & 7;
    const more = header === 7 ? lengths.read(bits) : 0;
    const distance = readDistance(state, (symbol - LITERALS) >> 3, aligned);
    if (more === undefined || distance === undefined) return false;
    const matchEnd = at + header + more + MIN_LENGTH;
    if (distance > at || distance < 1 || matchEnd > end) return false;
    for (; at < matchEnd; at++) into[at] = into[at - distance] ?? 0;
  }
  return true;
}

/** Lengths of codes are stored as differences from those of the block before. */
function readLengths(bits: BitReader, lengths: Uint8Array): boolean {
  const code = new HuffmanCode(Uint8Array.from({ length: 20 }, () => bits.read(4)));
  for (let at = 0; at < lengths.length; ) {
    const symbol = code.read(bits);
    if (symbol === undefined) return false;
    if (symbol < 17) {
      lengths[at] = lessBy(lengths[at] ?? 0, symbol);
      at++;
      continue;
    }
    const count = symbol === 17 ? 4 + bits.read(4) : symbol === 18 ? 20 + bits.read(5) : 4 + bits.read(1);
    const difference = symbol === 19 ? code.read(bits) : undefined;
    if (symbol === 19 && (difference === undefined || difference > 16)) return false;
    const value = difference === undefined ? 0 : lessBy(lengths[at] ?? 0, difference);
    lengths.fill(value, at, at + count);
    at += count;
  }
  return true;
}

function lessBy(length: number, difference: number): number {
  return (length - difference + 17) % 17;
}

function readDistance({ bits, recent }: State, slot: number, aligned: HuffmanCode | undefined): number | undefined {
  if (slot < 3) {
    const distance = recent[slot] ?? 0;
    recent[slot] = recent[0];
    recent[0] = distance;
    return distance;
  }
  const extraBits = slot < 4 ? 0 : (slot >> 1) - 1;
  const base = slot < 4 ? slot : (2 + (slot & 1)) << extraBits;
  let extra: number | undefined;
  if (aligned === undefined || extraBits < 3) {
    extra = bits.read(extraBits);
  } else {
    const high = bits.read(extraBits - 3) << 3;
    const low = aligned.read(bits);
    extra = low === undefined ? undefined : high | low;
  }
  if (extra === undefined) return undefined;
  const distance = base + extra - 2;
  recent[2] = recent[1];
  recent[1] = recent[0];
  recent[0] = distance;
  return distance;
}

const CALL = 0xe8;
/** The size that the WIM format assumes for each file. */
const ASSUMED_SIZE = 12_000_000;

/** The targets of x86 calls are stored as places in the file, which compresses better than distances. */
function restoreCalls(bytes: Buffer): void {
  for (let at = 0; at < bytes.length - 10; at++) {
    if (bytes[at] !== CALL) continue;
    const target = bytes.readInt32LE(at + 1);
    if (target >= 0 && target < ASSUMED_SIZE) bytes.writeInt32LE(target - at, at + 1);
    else if (target < 0 && target >= -at) bytes.writeInt32LE(target + ASSUMED_SIZE, at + 1);
    at += 4;
  }
}
