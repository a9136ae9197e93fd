// The targets of symbolic links: in the inode, or in blocks with a header in version 5 (xfs_format.h, struct xfs_dsymlink_hdr).
import { isUtf8 } from 'node:buffer';
import { UnreadableError } from '../opened-file-system.ts';
import { XfsExtents } from './extents.ts';
import { readFileData } from './file-data.ts';
import type { XfsInode } from './inode.ts';
import type { BlockKind, XfsMetadata } from './metadata.ts';
import { offsetOfBlock } from './superblock.ts';

/** In bytes (XFS_SYMLINK_MAXLEN). */
const MAX_TARGET = 1024;
const HEADER_LENGTH = 56;
/** A target of 1024 bytes needs at most this many blocks, which have at least 512 bytes. */
const MAX_BLOCKS = 3;

const LINK_BLOCK: BlockKind = {
  name: 'block of a symbolic link',
  magicsOfV4: [],
  magicsOfV5: ['XSLM'],
  checksumAt: 12,
  addressAt: 40,
  uuidAt: 16,
  ownerAt: 32,
  ownerLength: 8,
};

/** @throws {UnreadableError} */
export async function readTarget(metadata: XfsMetadata, link: XfsInode): Promise<string> {
  if (link.size === 0 || link.size > MAX_TARGET) throw fail(link, `has ${link.size} bytes`);
  const target = await bytesOf(metadata, link);
  if (target.includes(0)) throw fail(link, 'contains a NUL');
  return isUtf8(target) ? target.toString('utf8') : target.toString('latin1');
}

async function bytesOf(metadata: XfsMetadata, link: XfsInode): Promise<Buffer> {
  if (link.format === 'local') {
    if (link.size > link.fork.length) throw fail(link, 'is longer than its inode');
    return link.fork.subarray(0, link.size);
  }
  const { hasChecksums } = metadata.superblock.features;
  return hasChecksums ? await remoteTarget(metadata, link) : await readFileData(metadata, link, 0, link.size);
}

/** Each extent begins with a header that names the part of the target in it. */
async function remoteTarget(metadata: XfsMetadata, link: XfsInode): Promise<Buffer> {
  const { superblock } = metadata;
  const target = Buffer.alloc(link.size);
  let known = 0;
  for await (const { block, count } of new XfsExtents(metadata, link).between(0, MAX_BLOCKS)) {
    if (known === target.length) break;
    if (count > MAX_BLOCKS) throw fail(link, `has ${count} blocks`);
    const piece = { offset: offsetOfBlock(superblock, block), length: count * superblock.blockSize };
    const bytes = await metadata.block([piece], LINK_BLOCK, link.number);
    const [start, length] = [bytes.readUInt32BE(4), bytes.readUInt32BE(8)];
    if (start !== known || length === 0 || length > target.length - known || HEADER_LENGTH + length > bytes.length) {
      throw fail(link, 'has parts that do not fit together');
    }
    bytes.copy(target, known, HEADER_LENGTH, HEADER_LENGTH + length);
    known += length;
  }
  if (known < target.length) throw fail(link, `has only ${known} of ${target.length} bytes`);
  return target;
}

function fail(link: XfsInode, problem: string): UnreadableError {
  return new UnreadableError(`its symbolic link with the inode ${link.number} ${problem}`);
}
