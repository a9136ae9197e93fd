// A file record of the MFT (ntfs-3g layout.h, MFT_RECORD).
import { UnreadableError } from '../opened-file-system.ts';
import { type Attribute, attributesIn } from './attribute.ts';
import { restoreFixups } from './fixups.ts';
import { type FileReference, referenceAt } from './numbers.ts';

export interface FileRecord {
  readonly number: number;
  readonly sequence: number;
  readonly isInUse: boolean;
  readonly isFolder: boolean;
  /** The record that this one extends; number 0 if none. */
  readonly base: FileReference;
  readonly attributes: readonly Attribute[];
}

const IN_USE = 0x1;
const FOLDER = 0x2;

/** @param bytes A record as stored. It is changed. @throws {UnreadableError} */
export function parseFileRecord(bytes: Buffer, number: number): FileRecord {
  if (!restoreFixups(bytes, 'FILE')) throw new UnreadableError(`file record ${number} of its MFT is damaged`);
  const flags = bytes.readUInt16LE(22);
  const isInUse = (flags & IN_USE) !== 0;
  const used = bytes.readUInt32LE(24);
  if (used > bytes.length) throw new UnreadableError(`file record ${number} of its MFT should have ${used} bytes`);
  return {
    number,
    sequence: bytes.readUInt16LE(16),
    isInUse,
    isFolder: (flags & FOLDER) !== 0,
    base: referenceAt(bytes, 32),
    attributes: isInUse ? attributesIn(bytes.subarray(0, used), bytes.readUInt16LE(20), number) : [],
  };
}
