// Lists the folders in a folder of a FAT file system, to detect the boot loaders on an EFI system partition (FAT specification 1.03).
import type { ByteRange } from '../base/byte-range.ts';
import { bytesAt, type Disk } from './disk.ts';
import { decodeEntries, type FatEntry } from './file-systems/fat/folder-entries.ts';
import { type FatGeometry, fatGeometry } from './file-systems/fat.ts';

/** Bytes of a folder read at most: 8192 entries. Folders of boot loaders have a handful. */
const MAX_FOLDER_LENGTH = 256 * 1024;

/**
 * Names of the folders in the folder at `path`, from the root; undefined if `range` is not FAT or has no such folder.
 * Damage shortens the list and is not an error.
 * @throws {CorruptImageError} @throws {ImageAccessError} the image cannot be read there.
 */
export async function listFatFolders(
  disk: Disk,
  range: ByteRange,
  path: readonly string[],
): Promise<string[] | undefined> {
  const fat = fatGeometry(await bytesAt(disk, range.offset, 512));
  if (fat === undefined) return undefined;
  let entries = await readRoot(disk, range, fat);
  for (const name of path) {
    const found = entries.find((entry) => entry.isFolder && entry.name.toLowerCase() === name.toLowerCase());
    if (found === undefined) return undefined;
    entries = decodeEntries(await readChain(disk, range, fat, found.cluster));
  }
  return entries.filter(({ isFolder }) => isFolder).map(({ name }) => name);
}

async function readRoot(disk: Disk, range: ByteRange, fat: FatGeometry): Promise<FatEntry[]> {
  if (fat.bits === 32) return decodeEntries(await readChain(disk, range, fat, fat.rootCluster));
  const length = Math.min(fat.rootLength, MAX_FOLDER_LENGTH);
  return decodeEntries(await bytesAt(disk, range.offset + fat.rootOffset, length));
}

/** The clusters of a folder, until the chain ends or leads nowhere. The length limit ends a loop. */
async function readChain(disk: Disk, range: ByteRange, fat: FatGeometry, first: number): Promise<Buffer> {
  const clusters: Buffer[] = [];
  let cluster = first;
  while (cluster >= 2 && cluster < fat.clusters + 2 && clusters.length * fat.clusterSize < MAX_FOLDER_LENGTH) {
    const offset = range.offset + fat.dataOffset + (cluster - 2) * fat.clusterSize;
    clusters.push(await bytesAt(disk, offset, fat.clusterSize));
    cluster = await nextCluster(disk, range, fat, cluster);
  }
  return Buffer.concat(clusters);
}

/** The marks for the end of a chain and for bad clusters are larger than the last cluster number. */
async function nextCluster(disk: Disk, range: ByteRange, fat: FatGeometry, cluster: number): Promise<number> {
  const at = range.offset + fat.tableOffset + Math.floor((cluster * fat.bits) / 8);
  const entry = await bytesAt(disk, at, 4);
  if (fat.bits === 32) return entry.readUInt32LE() & 0x0fffffff;
  if (fat.bits === 16) return entry.readUInt16LE();
  return cluster % 2 === 0 ? entry.readUInt16LE() & 0xfff : entry.readUInt16LE() >> 4;
}
