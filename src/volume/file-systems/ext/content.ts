// The content of files, folders and symbolic links: in blocks, or inside of the inode.
import { UnreadableError } from '../opened-file-system.ts';
import { mapBlock } from './block-map.ts';
import { BASE_LENGTH, extraLength, type Inode } from './inode.ts';
import type { ExtVolume } from './volume.ts';

/** The bytes of a file or a link from `offset` on, at most `length`. @throws {UnreadableError} */
export async function readContent(
  volume: ExtVolume,
  inode: Inode,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const end = Math.min(inode.size, offset + length);
  if (end <= offset) return new Uint8Array();
  if (inode.hasInlineData) return inlineData(inode).subarray(offset, end);
  const { blockSize } = volume.superblock;
  const bytes = new Uint8Array(end - offset);
  for (let at = offset; at < end; ) {
    const inBlock = at % blockSize;
    const { block, count } = await mapBlock(volume, inode, Math.floor(at / blockSize));
    const part = Math.min(count * blockSize - inBlock, end - at);
    if (block !== undefined) await volume.readContent(block, inBlock, bytes.subarray(at - offset, at - offset + part));
    at += part;
  }
  return bytes;
}

/** Short links are in the inode, in place of the pointers. */
const MAX_SHORT_LINK = 60;

/** @throws {UnreadableError} */
export async function readLink(volume: ExtVolume, inode: Inode): Promise<Uint8Array> {
  if (inode.size === 0 || inode.size > volume.superblock.blockSize) {
    throw new UnreadableError(`inode ${inode.number} is damaged: a symbolic link with ${inode.size} bytes`);
  }
  const isShort = inode.size < MAX_SHORT_LINK && !inode.hasExtents && !inode.hasInlineData;
  return isShort ? inode.places.subarray(0, inode.size) : await readContent(volume, inode, 0, inode.size);
}

const ATTRIBUTES_MAGIC = 0xea020000;
const ATTRIBUTE = 16;
const SYSTEM = 7;

/**
 * The content that the inode holds itself: 60 bytes in place of the pointers, the rest in the attribute "system.data"
 * (Documentation/filesystems/ext4/inlinedata.rst and attributes.rst). Bytes past the attribute are zeros.
 * @throws {UnreadableError} the inode is damaged.
 */
export function inlineData(inode: Inode): Buffer {
  const rest = inlineAttribute(inode);
  const length = inode.places.length + rest.length;
  if (inode.size > length) {
    throw new UnreadableError(
      `inode ${inode.number} is damaged: it holds ${length} bytes, but its size is ${inode.size}`,
    );
  }
  return Buffer.concat([inode.places, rest]);
}

function inlineAttribute({ number, bytes }: Inode): Buffer {
  const start = BASE_LENGTH + extraLength(bytes);
  if (start === BASE_LENGTH || start + 4 > bytes.length || bytes.readUInt32LE(start) !== ATTRIBUTES_MAGIC) {
    return Buffer.alloc(0);
  }
  const first = start + 4;
  for (let at = first; at + ATTRIBUTE <= bytes.length && bytes.readUInt32LE(at) !== 0; ) {
    const nameLength = bytes.readUInt8(at);
    const name = bytes.toString('latin1', at + ATTRIBUTE, at + ATTRIBUTE + nameLength);
    if (bytes.readUInt8(at + 1) === SYSTEM && name === 'data') {
      const from = first + bytes.readUInt16LE(at + 2);
      const length = bytes.readUInt32LE(at + 8);
      if (bytes.readUInt32LE(at + 4) !== 0 || from + length > bytes.length) {
        throw new UnreadableError(`inode ${number} is damaged: its inline data is not in it`);
      }
      return bytes.subarray(from, from + length);
    }
    at += ATTRIBUTE + Math.ceil(nameLength / 4) * 4;
  }
  return Buffer.alloc(0);
}
