// The attributes of a file record: names, data, folders (ntfs-3g layout.h, ATTR_RECORD).
import { UnreadableError } from '../opened-file-system.ts';
import { safeNumber } from './numbers.ts';

export const STANDARD_INFORMATION = 0x10;
export const ATTRIBUTE_LIST = 0x20;
export const FILE_NAME = 0x30;
export const VOLUME_NAME = 0x60;
export const VOLUME_INFORMATION = 0x70;
export const DATA = 0x80;
export const INDEX_ROOT = 0x90;
export const INDEX_ALLOCATION = 0xa0;
export const BITMAP = 0xb0;
export const REPARSE_POINT = 0xc0;
const END = 0xffffffff;

const COMPRESSED = 0x00ff;
const ENCRYPTED = 0x4000;

interface AttributeHead {
  readonly type: number;
  /** Empty for the main stream of a file. */
  readonly name: string;
  readonly id: number;
  readonly isCompressed: boolean;
  readonly isEncrypted: boolean;
}

/** Its value is in the record. */
export interface ResidentAttribute extends AttributeHead {
  readonly value: Buffer;
}

/** Its value is in clusters. */
export interface MappedAttribute extends AttributeHead {
  readonly value: undefined;
  /** The first and last cluster of the value that this part maps. */
  readonly lowestVcn: number;
  readonly highestVcn: number;
  /** The encoded run list. */
  readonly runs: Buffer;
  /** Power of two: clusters in a compression unit. 0 if not compressed. */
  readonly unitShift: number;
  /** In bytes, only in the part with the lowest VCN 0; 0 in others. Bytes from `initialised` on are zeros. */
  readonly size: number;
  readonly initialised: number;
}

export type Attribute = ResidentAttribute | MappedAttribute;

/** @param record The used bytes of a record, with fixups restored. @throws {UnreadableError} */
export function attributesIn(record: Buffer, first: number, number: number): Attribute[] {
  const damaged = (what: string) => new UnreadableError(`file record ${number} of its MFT ${what}`);
  const found: Attribute[] = [];
  let at = first;
  while (true) {
    if (at + 4 > record.length) throw damaged('has no end of its attributes');
    if (record.readUInt32LE(at) === END) return found;
    const length = at + 16 > record.length ? 0 : record.readUInt32LE(at + 4);
    if (length < 24 || length % 8 !== 0 || at + length > record.length) {
      throw damaged(`has an attribute of ${length} bytes at ${at}`);
    }
    const attribute = parseAttribute(
      record.subarray(at, at + length),
      `the attribute at ${at} of file record ${number}`,
    );
    if (attribute === undefined) throw damaged(`has a damaged attribute at ${at}`);
    found.push(attribute);
    at += length;
  }
}

function parseAttribute(bytes: Buffer, what: string): Attribute | undefined {
  const [nameLength, nameAt] = [bytes.readUInt8(9), bytes.readUInt16LE(10)];
  if (nameLength > 0 && nameAt + 2 * nameLength > bytes.length) return undefined;
  const flags = bytes.readUInt16LE(12);
  const head = {
    type: bytes.readUInt32LE(0),
    name: bytes.toString('utf16le', nameAt, nameAt + 2 * nameLength),
    id: bytes.readUInt16LE(14),
    isCompressed: (flags & COMPRESSED) !== 0,
    isEncrypted: (flags & ENCRYPTED) !== 0,
  };
  if (bytes.readUInt8(8) !== 0) return parseMapped(bytes, head, what);
  const [length, valueAt] = [bytes.readUInt32LE(16), bytes.readUInt16LE(20)];
  return valueAt + length > bytes.length ? undefined : { ...head, value: bytes.subarray(valueAt, valueAt + length) };
}

function parseMapped(bytes: Buffer, head: AttributeHead, what: string): MappedAttribute | undefined {
  const runsAt = bytes.length < 64 ? bytes.length : bytes.readUInt16LE(32);
  if (runsAt < 64 || runsAt >= bytes.length) return undefined;
  const numberAt = (at: number) => safeNumber(bytes.readBigInt64LE(at), `a field of ${what}`);
  const lowestVcn = numberAt(16);
  const highestVcn = numberAt(24);
  const isFirst = lowestVcn === 0;
  const [size, initialised] = isFirst ? [numberAt(48), numberAt(56)] : [0, 0];
  if (lowestVcn < 0 || highestVcn < lowestVcn - 1 || size < 0 || initialised < 0) return undefined;
  const unitShift = head.isCompressed ? bytes.readUInt8(34) : 0;
  return {
    ...head,
    value: undefined,
    lowestVcn,
    highestVcn,
    runs: bytes.subarray(runsAt),
    unitShift,
    size,
    initialised,
  };
}
