// The entries of an exFAT folder (Microsoft's exFAT specification, sections 6 and 7).

const ENTRY_LENGTH = 32;
const END = 0;
const BITMAP = 0x81;
const UP_CASE_TABLE = 0x82;
const FILE = 0x85;
const STREAM = 0xc0;
const NAME = 0xc1;
const IS_FOLDER = 0x10;
const NO_CHAIN = 0x02;
const CHARACTERS = 15;

export interface ExfatEntry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly cluster: number;
  /** In bytes. */
  readonly size: number;
  /** Bytes up to here were written; the rest reads as zeros. */
  readonly written: number;
  /** The clusters follow one another, and the table says nothing about them. */
  readonly isContiguous: boolean;
}

export interface RootEntry {
  readonly cluster: number;
  readonly size: number;
}

export interface ExfatFolder {
  readonly entries: readonly ExfatEntry[];
  /** In the root: where the allocation bitmap is. */
  readonly bitmap: RootEntry | undefined;
  /** In the root: where the table is that compares names. */
  readonly upCaseTable: RootEntry | undefined;
}

/** Undefined if a set of entries is damaged. */
export function decodeFolder(bytes: Buffer): ExfatFolder | undefined {
  const entries: ExfatEntry[] = [];
  let bitmap: RootEntry | undefined;
  let upCaseTable: RootEntry | undefined;
  for (let at = 0; at + ENTRY_LENGTH <= bytes.length; ) {
    const type = bytes.readUInt8(at);
    if (type === END) break;
    if (type === BITMAP) bitmap = rootEntryAt(bytes, at);
    if (type === UP_CASE_TABLE) upCaseTable = rootEntryAt(bytes, at);
    if (type !== FILE) {
      at += ENTRY_LENGTH;
      continue;
    }
    const length = (bytes.readUInt8(at + 1) + 1) * ENTRY_LENGTH;
    const entry = decodeSet(bytes.subarray(at, at + length), length);
    if (entry === undefined) return undefined;
    entries.push(entry);
    at += length;
  }
  return { entries, bitmap, upCaseTable };
}

function rootEntryAt(bytes: Buffer, at: number): RootEntry {
  return { cluster: bytes.readUInt32LE(at + 20), size: Number(bytes.readBigUInt64LE(at + 24)) };
}

/** A file entry, a stream entry, and the parts of the name. */
function decodeSet(set: Buffer, length: number): ExfatEntry | undefined {
  if (set.length < length || length < 3 * ENTRY_LENGTH || set.readUInt16LE(2) !== checksumOf(set)) return undefined;
  const stream = set.subarray(ENTRY_LENGTH, 2 * ENTRY_LENGTH);
  if (stream.readUInt8(0) !== STREAM) return undefined;
  const nameLength = stream.readUInt8(3);
  const parts: Buffer[] = [];
  for (let at = 2 * ENTRY_LENGTH; at < length && parts.length * CHARACTERS < nameLength; at += ENTRY_LENGTH) {
    if (set.readUInt8(at) !== NAME) return undefined;
    parts.push(set.subarray(at + 2, at + ENTRY_LENGTH));
  }
  const name = Buffer.concat(parts).toString('utf16le').slice(0, nameLength);
  const [written, size] = [Number(stream.readBigUInt64LE(8)), Number(stream.readBigUInt64LE(24))];
  if (name === '' || name.length !== nameLength || written > size || !Number.isSafeInteger(size)) return undefined;
  return {
    name,
    isFolder: (set.readUInt16LE(4) & IS_FOLDER) !== 0,
    cluster: stream.readUInt32LE(20),
    size,
    written,
    isContiguous: (stream.readUInt8(1) & NO_CHAIN) !== 0,
  };
}

/** Of all bytes of the set but its own (6.3.3). */
function checksumOf(set: Buffer): number {
  let sum = 0;
  for (const [at, byte] of set.entries()) {
    if (at !== 2 && at !== 3) sum = (((sum & 1) << 15) | (sum >>> 1)) + byte;
    sum &= 0xffff;
  }
  return sum;
}
