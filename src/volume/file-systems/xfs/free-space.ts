// The free space of an allocation group: its header and its two trees, by block and by size
// (xfs_format.h, struct xfs_agf, xfs_alloc_rec, xfs_btree_block).
import { UnreadableError } from '../opened-file-system.ts';
import type { BlockKind, XfsMetadata } from './metadata.ts';
import { blocksOfGroup } from './superblock.ts';

const AGF_CHECKSUM = 216;
/** Sectors at the beginning of a group: superblock, AGF, AGI, AGFL. */
const HEADER_SECTORS = 4;
const RECORD_LENGTH = 8;
/** In bytes: a key and a pointer of a node. */
const CHILD_LENGTH = 8 + 4;
const POINTER_LENGTH = 4;
/** The deepest tree of free space (XFS_ALLOC_MAXLEVELS is less for all geometries). */
const MAX_LEVEL = 12;

const SHORT_HEADER = { checksumAt: 52, addressAt: 16, uuidAt: 32, ownerAt: 48, ownerLength: 4 } as const;
const BY_BLOCK: BlockKind = {
  name: 'block of free space',
  magicsOfV4: ['ABTB'],
  magicsOfV5: ['AB3B'],
  ...SHORT_HEADER,
};
const BY_SIZE: BlockKind = { name: 'block of free sizes', magicsOfV4: ['ABTC'], magicsOfV5: ['AB3C'], ...SHORT_HEADER };

/** Free blocks of one group. */
export interface FreeExtent {
  /** The first block in the group. */
  readonly start: number;
  readonly count: number;
}

export interface FreeSpaceHeader {
  readonly group: number;
  readonly roots: { readonly byBlock: number; readonly bySize: number };
  readonly levels: { readonly byBlock: number; readonly bySize: number };
  /** Number of blocks in the trees. */
  readonly freeBlocks: number;
  readonly longest: number;
  /** Blocks of the free list and of the trees themselves: in use, but counted as free by the superblock. */
  readonly reservedBlocks: number;
}

/** @throws {UnreadableError} */
export async function readFreeSpaceHeader(metadata: XfsMetadata, group: number): Promise<FreeSpaceHeader> {
  const { superblock } = metadata;
  const { sectorSize, blockSize, groupBlocks } = superblock;
  const offset = group * groupBlocks * blockSize + sectorSize;
  const header = await metadata.bytes({ offset, length: sectorSize });
  const fail = (problem: string) => new UnreadableError(`its group ${group} ${problem}`);
  if (header.toString('latin1', 0, 4) !== 'XAGF') throw fail('has no header of free space');
  if (superblock.features.hasChecksums) {
    if (!metadata.hasChecksum(header, AGF_CHECKSUM)) throw fail('has a header with a wrong checksum');
    if (!header.subarray(64, 80).equals(superblock.metadataUuid)) throw fail('has a header of another file system');
  }
  const [number, length] = [header.readUInt32BE(8), header.readUInt32BE(12)];
  if (number !== group || length !== blocksOfGroup(superblock, group)) {
    throw fail(`has a header of group ${number} with ${length} blocks`);
  }
  return {
    group,
    roots: { byBlock: header.readUInt32BE(16), bySize: header.readUInt32BE(20) },
    levels: { byBlock: header.readUInt32BE(28), bySize: header.readUInt32BE(32) },
    freeBlocks: header.readUInt32BE(52),
    longest: header.readUInt32BE(56),
    reservedBlocks: header.readUInt32BE(48) + header.readUInt32BE(60),
  };
}

/** The free extents in the order of the blocks, each after the one before. @throws {UnreadableError} */
export async function* freeExtents(metadata: XfsMetadata, header: FreeSpaceHeader): AsyncGenerator<FreeExtent> {
  const { superblock } = metadata;
  const end = blocksOfGroup(superblock, header.group);
  let next = Math.ceil((HEADER_SECTORS * superblock.sectorSize) / superblock.blockSize);
  for await (const extent of recordsBelow(
    metadata,
    header.group,
    BY_BLOCK,
    header.roots.byBlock,
    header.levels.byBlock,
  )) {
    if (extent.count === 0 || extent.start < next || extent.start + extent.count > end) {
      throw new UnreadableError(`its group ${header.group} has free space at ${extent.start} that is not in order`);
    }
    next = extent.start + extent.count;
    yield extent;
  }
}

/** The same extents in the order of their sizes. They are only compared with the others. @throws {UnreadableError} */
export async function* freeSizes(metadata: XfsMetadata, header: FreeSpaceHeader): AsyncGenerator<FreeExtent> {
  let last = { start: -1, count: 0 };
  for await (const extent of recordsBelow(metadata, header.group, BY_SIZE, header.roots.bySize, header.levels.bySize)) {
    if (extent.count < last.count || (extent.count === last.count && extent.start <= last.start)) {
      throw new UnreadableError(`its group ${header.group} has free sizes that are not in order`);
    }
    last = extent;
    yield extent;
  }
}

/** Levels descend by one, and the callers refuse records that do not ascend: a tree with a loop ends with an error. */
async function* recordsBelow(
  metadata: XfsMetadata,
  group: number,
  kind: BlockKind,
  block: number,
  levels: number,
): AsyncGenerator<FreeExtent> {
  const { superblock } = metadata;
  const { blockSize, groupBlocks, features } = superblock;
  const fail = (problem: string) => new UnreadableError(`the ${kind.name} ${block} of its group ${group} ${problem}`);
  if (levels === 0 || levels > MAX_LEVEL) throw fail(`has ${levels} levels below it`);
  if (block >= blocksOfGroup(superblock, group)) throw fail('does not exist');
  const offset = (group * groupBlocks + block) * blockSize;
  const bytes = await metadata.block([{ offset, length: blockSize }], kind, group);
  const body = bytes.subarray(features.hasChecksums ? 56 : 16);
  const [level, count] = [bytes.readUInt16BE(4), bytes.readUInt16BE(6)];
  if (level !== levels - 1) throw fail(`has the level ${level}, not ${levels - 1}`);
  if (level === 0) {
    if (count * RECORD_LENGTH > body.length) throw fail(`has ${count} records`);
    for (let at = 0; at < count * RECORD_LENGTH; at += RECORD_LENGTH) {
      yield { start: body.readUInt32BE(at), count: body.readUInt32BE(at + 4) };
    }
    return;
  }
  const room = Math.floor(body.length / CHILD_LENGTH);
  if (count === 0 || count > room) throw fail(`has ${count} of ${room} children`);
  for (let index = 0; index < count; index++) {
    const child = body.readUInt32BE(room * RECORD_LENGTH + index * POINTER_LENGTH);
    yield* recordsBelow(metadata, group, kind, child, level);
  }
}
