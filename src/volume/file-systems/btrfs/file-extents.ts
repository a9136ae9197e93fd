// The extents of a file: in its tree, or elsewhere on the device (Linux kernel, struct btrfs_file_extent_item).
import { UnreadableError } from '../opened-file-system.ts';
import type { BtrfsInode } from './inode.ts';
import type { BtrfsMetadata } from './metadata.ts';
import { number64 } from './numbers.ts';
import { itemsFromFloor } from './tree.ts';
import { ITEM } from './tree-key.ts';
import type { TreeItem } from './tree-node.ts';

/** In bytes, of an extent before its inline data, and of one that is elsewhere. */
const HEAD_LENGTH = 21;
const LENGTH = 53;
const TYPES = ['inline', 'regular', 'preallocated'] as const;
const COMPRESSIONS = ['none', 'zlib', 'lzo', 'zstd'] as const;
/** In bytes: compressed extents are never longer, neither before nor after (BTRFS_MAX_COMPRESSED, BTRFS_MAX_UNCOMPRESSED). */
const MAX_COMPRESSED = 128 * 1024;

export type Compression = (typeof COMPRESSIONS)[number];

export interface FileExtent {
  /** The first byte in the file. */
  readonly start: number;
  /** Bytes of the file. */
  readonly length: number;
  readonly compression: Compression;
  /** Bytes of the whole extent after decompression. */
  readonly uncompressedLength: number;
  readonly source:
    | { readonly kind: 'zeros' }
    | { readonly kind: 'inline'; readonly bytes: Buffer }
    | {
        readonly kind: 'stored';
        /** Logical address and length of the whole extent, in bytes. */
        readonly address: number;
        readonly storedLength: number;
        /** Where the part that the file has begins in the extent, after decompression. */
        readonly skip: number;
      };
}

/** The extents that have any of the bytes from `from` to `to` (exclusive), in their order. What is between them is zeros. @throws {UnreadableError} */
export async function* extentsBetween(
  metadata: BtrfsMetadata,
  inode: BtrfsInode,
  from: number,
  to: number,
): AsyncGenerator<FileExtent> {
  const key = { objectId: inode.number, type: ITEM.fileExtent };
  let next = 0;
  for await (const item of itemsFromFloor(
    metadata,
    inode.subvolume,
    { ...key, offset: from },
    { ...key, offset: to },
  )) {
    if (item.objectId !== inode.number || item.type !== ITEM.fileExtent) continue;
    const extent = decode(item, metadata.superblock.sectorSize);
    if (extent.start < next) throw fail(item, 'overlaps the one before');
    next = extent.start + extent.length;
    if (next > from) yield extent;
  }
}

function decode(item: TreeItem, sectorSize: number): FileExtent {
  const { data, offset: start } = item;
  if (data.length < HEAD_LENGTH) throw fail(item, 'is cut off');
  const compression = COMPRESSIONS[data.readUInt8(16)];
  if (compression === undefined) throw fail(item, `is compressed in the way ${data.readUInt8(16)}, which is not known`);
  if (data.readUInt8(17) !== 0 || data.readUInt16LE(18) !== 0) throw fail(item, 'is encrypted or encoded');
  const uncompressedLength = number64(data, 8, 'length of an extent');
  if (compression !== 'none' && uncompressedLength > MAX_COMPRESSED) {
    throw fail(item, `has ${uncompressedLength} bytes, more than ${MAX_COMPRESSED}`);
  }
  const type = TYPES[data.readUInt8(20)];
  if (type === undefined) throw fail(item, `is of the type ${data.readUInt8(20)}`);
  const shared = { start, compression, uncompressedLength };
  if (type === 'inline') {
    const bytes = data.subarray(HEAD_LENGTH);
    const length = compression === 'none' ? bytes.length : uncompressedLength;
    if (start !== 0 || length !== uncompressedLength) throw fail(item, `has ${length} bytes in the tree`);
    return { ...shared, length, source: { kind: 'inline', bytes } };
  }
  if (data.length !== LENGTH) throw fail(item, `has ${data.length} bytes`);
  const length = number64(data, 45, 'length of an extent');
  const isAligned = start % sectorSize === 0 && length % sectorSize === 0 && length > 0;
  if (!isAligned || !Number.isSafeInteger(start + length)) throw fail(item, `has ${length} bytes`);
  const address = number64(data, 21, 'address of an extent');
  if (address === 0 || type === 'preallocated') return { ...shared, length, source: { kind: 'zeros' } };
  const storedLength = number64(data, 29, 'length of an extent');
  const skip = number64(data, 37, 'offset of an extent');
  const available = compression === 'none' ? storedLength : uncompressedLength;
  const isInside = skip + length <= available && (compression === 'none' || storedLength <= MAX_COMPRESSED);
  const isAtSector = address % sectorSize === 0 && storedLength % sectorSize === 0 && skip % sectorSize === 0;
  if (!isInside || !isAtSector || storedLength === 0) throw fail(item, 'does not fit in what is stored');
  return { ...shared, length, source: { kind: 'stored', address, storedLength, skip } };
}

function fail({ objectId, offset }: TreeItem, problem: string): UnreadableError {
  return new UnreadableError(`its inode ${objectId} has an extent at ${offset} that ${problem}`);
}
