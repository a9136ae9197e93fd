// The entries of a FAT folder, with long names (Microsoft's FAT specification 1.03).
import { oemText } from '../fat.ts';

const ENTRY_LENGTH = 32;
const IS_LABEL = 0x08;
const IS_FOLDER = 0x10;
const IS_LONG_NAME = 0x0f;
const LAST_PART = 0x40;
const DELETED = 0xe5;
/** Stands for 0xE5 as the first byte of a name in Japanese. */
const STANDS_FOR_E5 = 0x05;
const LOWER_NAME = 0x08;
const LOWER_EXTENSION = 0x10;

export interface FatEntry {
  /** The long name; the short one if it has none. */
  readonly name: string;
  /** In upper case, as stored: "PROGRA~1", "BOOTX64.EFI". */
  readonly shortName: string;
  readonly isFolder: boolean;
  /** First cluster; 0 if it is empty. */
  readonly cluster: number;
  /** In bytes; 0 for folders. */
  readonly size: number;
}

/** The parts of a long name so far. They come before the short name, the last part first. */
interface LongName {
  readonly checksum: number;
  readonly text: string;
  /** Number of the part that must follow; 0 if it is complete. */
  readonly next: number;
}

/** Decodes the entries up to the mark of the end, without labels, `.` and `..`. A long name that does not belong to the short name is ignored, as Windows does. */
export function decodeEntries(bytes: Buffer): FatEntry[] {
  const entries: FatEntry[] = [];
  let long: LongName | undefined;
  for (let at = 0; at + ENTRY_LENGTH <= bytes.length; at += ENTRY_LENGTH) {
    const entry = bytes.subarray(at, at + ENTRY_LENGTH);
    const first = entry.readUInt8(0);
    if (first === 0) break;
    const attributes = entry.readUInt8(11);
    if (first !== DELETED && (attributes & IS_LONG_NAME) === IS_LONG_NAME) {
      long = withPart(long, entry);
      continue;
    }
    if (first !== DELETED && (attributes & IS_LABEL) === 0 && first !== '.'.charCodeAt(0)) {
      const name = long !== undefined && long.next === 0 && long.checksum === checksumOf(entry) ? long.text : '';
      entries.push(decodeEntry(entry, name));
    }
    long = undefined;
  }
  return entries;
}

function decodeEntry(entry: Buffer, longName: string): FatEntry {
  const isFolder = (entry.readUInt8(11) & IS_FOLDER) !== 0;
  return {
    name: longName || shortNameOf(entry, entry.readUInt8(12)),
    shortName: shortNameOf(entry, 0),
    isFolder,
    cluster: entry.readUInt16LE(20) * 65536 + entry.readUInt16LE(26),
    size: isFolder ? 0 : entry.readUInt32LE(28),
  };
}

function withPart(before: LongName | undefined, entry: Buffer): LongName | undefined {
  const order = entry.readUInt8(0);
  const number = order & ~LAST_PART;
  const checksum = entry.readUInt8(13);
  const text = partOfLongName(entry);
  if ((order & LAST_PART) !== 0) return { checksum, text, next: number - 1 };
  if (before === undefined || before.next !== number || before.checksum !== checksum) return undefined;
  return { checksum, text: text + before.text, next: number - 1 };
}

/** 13 characters in three places; a NUL ends the last part of a name. */
function partOfLongName(entry: Buffer): string {
  const characters = Buffer.concat([entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)]);
  const text = characters.toString('utf16le');
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** Of the 11 bytes of the short name: proves that a long name belongs to it. */
function checksumOf(entry: Buffer): number {
  return entry.subarray(0, 11).reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0);
}

/** Upper case, unless Windows NT recorded that the name or its extension is all lower case. */
function shortNameOf(entry: Buffer, lowered: number): string {
  const bytes = Buffer.from(entry.subarray(0, 11));
  if (bytes.readUInt8(0) === STANDS_FOR_E5) bytes.writeUInt8(0xe5, 0);
  const part = (from: number, to: number, lowerBit: number) => {
    const text = oemText(bytes.subarray(from, to)).trimEnd();
    return (lowered & lowerBit) === 0 ? text : text.toLowerCase();
  };
  const [name, extension] = [part(0, 8, LOWER_NAME), part(8, 11, LOWER_EXTENSION)];
  return extension === '' ? name : `${name}.${extension}`;
}
