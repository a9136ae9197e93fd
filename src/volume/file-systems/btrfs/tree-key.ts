// Keys of tree items: object, type and offset, in this order (Linux kernel, struct btrfs_disk_key).
import { roughly64 } from './numbers.ts';

/** In bytes. */
export const KEY_LENGTH = 17;

/** The types of items that are read. */
export const ITEM = {
  inode: 1,
  folderName: 84,
  folderIndex: 96,
  fileExtent: 108,
  checksums: 128,
  root: 132,
  rootReference: 156,
  extent: 168,
  metadataExtent: 169,
  blockGroup: 192,
  chunk: 228,
} as const;

/** Numbers above 2^53 are rounded: they can be ordered, but not distinguished from their neighbours. */
export interface Key {
  readonly objectId: number;
  readonly type: number;
  readonly offset: number;
}

export function keyAt(bytes: Buffer, at: number): Key {
  return { objectId: roughly64(bytes, at), type: bytes.readUInt8(at + 8), offset: roughly64(bytes, at + 9) };
}

/** Negative if the stored key is before `key`, 0 if it is the same, positive if it is after. */
export function compareToKey(bytes: Buffer, at: number, { objectId, type, offset }: Key): number {
  return roughly64(bytes, at) - objectId || bytes.readUInt8(at + 8) - type || roughly64(bytes, at + 9) - offset;
}

/** Compares two stored keys, exactly. */
export function compareStored(one: Buffer, at: number, other: Buffer, otherAt: number): number {
  return (
    one.readUInt32LE(at + 4) - other.readUInt32LE(otherAt + 4) ||
    one.readUInt32LE(at) - other.readUInt32LE(otherAt) ||
    one.readUInt8(at + 8) - other.readUInt8(otherAt + 8) ||
    one.readUInt32LE(at + 13) - other.readUInt32LE(otherAt + 13) ||
    one.readUInt32LE(at + 9) - other.readUInt32LE(otherAt + 9)
  );
}
