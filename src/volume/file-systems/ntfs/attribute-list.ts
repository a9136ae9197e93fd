// $ATTRIBUTE_LIST: the places of the attributes of a file that needs more than one record (ntfs-3g layout.h, ATTR_LIST_ENTRY).
import { UnreadableError } from '../opened-file-system.ts';
import type { Attribute } from './attribute.ts';
import { type FileReference, referenceAt, safeNumber } from './numbers.ts';
import { type MappedVolume, readMapped } from './read-mapped.ts';
import { decodeRuns } from './run-list.ts';

export interface ListedPart {
  readonly type: number;
  readonly name: string;
  readonly lowestVcn: number;
  /** The record that holds the part. */
  readonly reference: FileReference;
  readonly id: number;
}

const HEAD = 26;
/** The limit of Windows, in bytes. */
const MAX_LENGTH = 256 * 1024;

/** @param list The attribute of the type ATTRIBUTE_LIST. @throws {UnreadableError} */
export async function listedParts(mapped: MappedVolume, list: Attribute): Promise<ListedPart[]> {
  const bytes = list.value ?? (await readList(mapped, list));
  const parts: ListedPart[] = [];
  for (let at = 0; at + HEAD <= bytes.length; ) {
    const [length, nameLength, nameAt] = [bytes.readUInt16LE(at + 4), bytes.readUInt8(at + 6), bytes.readUInt8(at + 7)];
    if (length < HEAD || at + length > bytes.length || (nameLength > 0 && nameAt + 2 * nameLength > length)) {
      throw new UnreadableError(`an attribute list has a damaged entry at ${at}`);
    }
    parts.push({
      type: bytes.readUInt32LE(at),
      name: bytes.toString('utf16le', at + nameAt, at + nameAt + 2 * nameLength),
      lowestVcn: safeNumber(bytes.readBigUInt64LE(at + 8), 'the cluster of an attribute list'),
      reference: referenceAt(bytes, at + 16),
      id: bytes.readUInt16LE(at + 24),
    });
    at += length;
  }
  return parts;
}

function readList(mapped: MappedVolume, list: Exclude<Attribute, { value: Buffer }>): Promise<Buffer> {
  if (list.size > MAX_LENGTH) throw new UnreadableError(`an attribute list has ${list.size} bytes`);
  const runs = decodeRuns(list, mapped.geometry, 'an attribute list');
  return readMapped(mapped, () => Promise.resolve(runs), { offset: 0, length: list.size }, 'an attribute list');
}
