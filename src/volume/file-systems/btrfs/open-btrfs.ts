// Opens a volume with btrfs, at its default subvolume.
import { type OpenedFileSystem, UnreadableError, type VolumeBytes } from '../opened-file-system.ts';
import { BtrfsFileSystem } from './btrfs-file-system.ts';
import { type Chunk, ChunkMap, decodeChunk, systemChunks } from './chunk-map.ts';
import { BtrfsMetadata, TREE } from './metadata.ts';
import { defaultSubvolume, requireTree } from './roots.ts';
import { type BtrfsSuperblock, readSuperblock } from './superblock.ts';
import { itemsOf } from './tree.ts';
import { ITEM } from './tree-key.ts';

/** The object of all chunks in the chunk tree. */
const CHUNK_OBJECT = 256;

/** @throws {UnreadableError} it is damaged or has features that are not supported; and the errors of `volume.read`. */
export async function openBtrfs(volume: VolumeBytes): Promise<OpenedFileSystem> {
  const superblock = await readSuperblock(volume);
  if (superblock.devices !== 1) {
    throw new UnreadableError(`it is spread over ${superblock.devices} devices, which is not supported`);
  }
  const metadata = new BtrfsMetadata(volume, superblock, await readChunks(volume, superblock));
  const subvolume = await requireTree(metadata, await defaultSubvolume(metadata));
  return new BtrfsFileSystem(metadata, volume.size, subvolume);
}

/** The chunks of the superblock map the chunk tree, which has all chunks. */
async function readChunks(volume: VolumeBytes, superblock: BtrfsSuperblock): Promise<ChunkMap> {
  const metadata = new BtrfsMetadata(volume, superblock, systemChunks(superblock));
  const chunks: Chunk[] = [];
  const tree = { id: TREE.chunks, top: superblock.chunkTree };
  for await (const item of itemsOf(metadata, tree, CHUNK_OBJECT, ITEM.chunk)) {
    chunks.push(decodeChunk(superblock, item, item.data));
  }
  return new ChunkMap(chunks);
}
