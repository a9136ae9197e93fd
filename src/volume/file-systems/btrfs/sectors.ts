// Reads sectors of files, from a copy whose checksums are right (Linux kernel, struct btrfs_csum_item).
import { UnreadableError } from '../opened-file-system.ts';
import type { BtrfsInode } from './inode.ts';
import { type BtrfsMetadata, TREE } from './metadata.ts';
import { requireTree } from './roots.ts';
import { itemsFromFloor } from './tree.ts';
import { ITEM } from './tree-key.ts';

/** The object of all checksums (BTRFS_EXTENT_CSUM_OBJECTID, -10), rounded as keys are. */
const CHECKSUM_OBJECT = 2 ** 64 - 10;

/** @param address Logical, at a sector. @param length Whole sectors of one chunk. @throws {UnreadableError} no copy has the right checksums. */
export async function readSectors(
  metadata: BtrfsMetadata,
  inode: BtrfsInode,
  address: number,
  length: number,
): Promise<Buffer> {
  const places = metadata.chunks.placesOf(address, length, `a part of the inode ${inode.number}`);
  const expected = inode.hasChecksums ? await checksumsOf(metadata, inode, address, length) : undefined;
  let wrong = address;
  for (const place of places) {
    const bytes = Buffer.alloc(length);
    await metadata.fill(place, bytes);
    const bad = expected === undefined ? -1 : firstWrongSector(metadata, bytes, expected);
    if (bad < 0) return bytes;
    wrong = address + bad * metadata.superblock.sectorSize;
  }
  throw new UnreadableError(`its inode ${inode.number} has a sector with a wrong checksum at the address ${wrong}`);
}

/** Index of the sector; -1 if all are right. */
function firstWrongSector({ superblock }: BtrfsMetadata, bytes: Buffer, expected: Buffer): number {
  const { checksum, sectorSize } = superblock;
  for (let index = 0; index * sectorSize < bytes.length; index++) {
    const sector = bytes.subarray(index * sectorSize, (index + 1) * sectorSize);
    if (!checksum.isRight(expected.subarray(index * checksum.length), sector)) return index;
  }
  return -1;
}

/** The checksums of these sectors, one after another. An item has those of sectors that follow its offset. */
async function checksumsOf(
  metadata: BtrfsMetadata,
  inode: BtrfsInode,
  address: number,
  length: number,
): Promise<Buffer> {
  const { checksum, sectorSize } = metadata.superblock;
  const found = Buffer.alloc((length / sectorSize) * checksum.length);
  const key = { objectId: CHECKSUM_OBJECT, type: ITEM.checksums };
  const tree = await requireTree(metadata, TREE.checksums);
  let next = address;
  const to = { ...key, offset: address + length };
  for await (const { offset, data } of itemsFromFloor(metadata, tree, { ...key, offset: address }, to)) {
    const count = Math.floor(data.length / checksum.length);
    const end = Math.min(offset + count * sectorSize, address + length);
    if (end <= next) continue;
    if (offset > next || (next - offset) % sectorSize !== 0) break;
    const from = ((next - offset) / sectorSize) * checksum.length;
    data.copy(
      found,
      ((next - address) / sectorSize) * checksum.length,
      from,
      from + ((end - next) / sectorSize) * checksum.length,
    );
    next = end;
  }
  if (next < address + length) {
    throw new UnreadableError(`its inode ${inode.number} has a sector without a checksum at the address ${next}`);
  }
  return found;
}
