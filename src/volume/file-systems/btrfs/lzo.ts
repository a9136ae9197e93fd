// LZO1X in the form that btrfs stores: segments, each of which is one sector when it is unpacked
// (Linux kernel, fs/btrfs/lzo.c; the instructions are in Documentation/staging/lzo.rst).
import { UnreadableError } from '../opened-file-system.ts';

/** In bytes: the length of all, and that of each segment. */
const LENGTH = 4;

/**
 * @param length Of the result, in bytes.
 * @throws {UnreadableError} the segments are damaged, or give more than `length` bytes.
 */
export function decompressLzo(stored: Buffer, length: number, sectorSize: number): Buffer {
  if (stored.length < 2 * LENGTH) throw damaged();
  const end = stored.readUInt32LE(0);
  if (end > stored.length) throw damaged();
  const output = new Output(length, sectorSize);
  for (let at = LENGTH; at < end && output.length < length; ) {
    // The length of a segment is never in two sectors.
    const left = sectorSize - (at % sectorSize);
    if (left < LENGTH) at += left;
    if (at + LENGTH > end) break;
    const segment = stored.readUInt32LE(at);
    at += LENGTH;
    if (segment === 0 || at + segment > end) throw damaged();
    output.beginSegment();
    unpackSegment(stored.subarray(at, at + segment), output);
    at += segment;
  }
  return output.bytes.subarray(0, output.length);
}

/** What was unpacked. Copies reach back to the beginning of their segment. */
class Output {
  readonly bytes: Buffer;
  length = 0;
  readonly #segmentLimit: number;
  #start = 0;
  #end = 0;

  constructor(limit: number, segmentLimit: number) {
    this.bytes = Buffer.alloc(limit);
    this.#segmentLimit = segmentLimit;
  }

  beginSegment(): void {
    this.#start = this.length;
    this.#end = Math.min(this.bytes.length, this.length + this.#segmentLimit);
  }

  write(literals: Uint8Array): void {
    if (this.length + literals.length > this.#end) throw damaged();
    this.bytes.set(literals, this.length);
    this.length += literals.length;
  }

  /** The copied bytes may overlap those that are written: then they repeat. */
  repeat(distance: number, count: number): void {
    const from = this.length - distance;
    if (from < this.#start || this.length + count > this.#end) throw damaged();
    for (let index = 0; index < count; index++) this.bytes[this.length + index] = this.bytes[from + index] ?? 0;
    this.length += count;
  }
}

/** The bytes of a segment, in their order. */
class Input {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw damaged();
    return value;
  }

  word(): number {
    return this.byte() + this.byte() * 256;
  }

  literals(count: number): Uint8Array {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw damaged();
    const literals = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return literals;
  }

  /** A length in the lowest `bits` of an instruction, or 0 there and continued in the bytes that follow. */
  length(instruction: number, bits: number): number {
    const mask = 2 ** bits - 1;
    if ((instruction & mask) !== 0) return instruction & mask;
    let length = mask;
    for (let value = this.byte(); ; value = this.byte()) {
      if (value !== 0) return length + value;
      length += 255;
    }
  }
}

/** What the last instruction did, if it copied no literals, one to three, or more. */
const MANY = 4;
/** The distance that ends a segment. */
const END = 16384;

function unpackSegment(bytes: Buffer, output: Output): void {
  const input = new Input(bytes);
  let state = 0;
  let instruction = input.byte();
  if (instruction > 17) {
    state = Math.min(MANY, instruction - 17);
    output.write(input.literals(instruction - 17));
    instruction = input.byte();
  }
  for (; ; instruction = input.byte()) {
    if (instruction < 16 && state === 0) {
      output.write(input.literals(3 + input.length(instruction, 4)));
      state = MANY;
      continue;
    }
    const { distance, count, literals } = copyOf(instruction, state, input);
    if (distance === END) return;
    output.repeat(distance, count);
    output.write(input.literals(literals));
    state = literals;
  }
}

interface Copy {
  readonly distance: number;
  readonly count: number;
  /** The number of literals that follow. */
  readonly literals: number;
}

function copyOf(instruction: number, state: number, input: Input): Copy {
  if (instruction >= 64) {
    const distance = (input.byte() << 3) + ((instruction >> 2) & 7) + 1;
    const count = instruction >= 128 ? 5 + ((instruction >> 5) & 3) : 3 + ((instruction >> 5) & 1);
    return { distance, count, literals: instruction & 3 };
  }
  if (instruction >= 16) {
    const isNear = instruction >= 32;
    const count = 2 + input.length(instruction, isNear ? 5 : 3);
    const word = input.word();
    const distance = isNear ? (word >> 2) + 1 : END + ((instruction & 8) << 11) + (word >> 2);
    return { distance, count, literals: word & 3 };
  }
  const distance = (input.byte() << 2) + (instruction >> 2) + (state === MANY ? 2049 : 1);
  return { distance, count: state === MANY ? 3 : 2, literals: instruction & 3 };
}

function damaged(): UnreadableError {
  return new UnreadableError('a part of a file that is compressed with LZO is damaged');
}
