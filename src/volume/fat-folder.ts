// Lists the folders in a folder of a FAT file system, to detect the boot loaders on an EFI system partition (FAT specification 1.03).
import type { ByteRange } from '../base/byte-range.ts';
import { bytesAt, type Disk } from './disk.ts';
import { type FatGeometry, fatGeometry } from './file-systems/fat.ts';

const ENTRY_LENGTH = 32;
const IS_LABEL = 0x08;
const IS_FOLDER = 0x10;
const IS_LONG_NAME = 0x0f;
const DELETED = 0xe5;
const LOWER_NAME = 0x08;
const LOWER_EXTENSION = 0x10;

/** Bytes of a folder read at most: 8192 entries. Folders of boot loaders have a handful. */
const MAX_FOLDER_LENGTH = 256 * 1024;

interface FolderEntry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly cluster: number;
}

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
  return entries.filter(({ isFolder, name }) => isFolder && name !== '.' && name !== '..').map(({ name }) => name);
}

async function readRoot(disk: Disk, range: ByteRange, fat: FatGeometry): Promise<FolderEntry[]> {
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

function decodeEntries(bytes: Buffer): FolderEntry[] {
  const entries: FolderEntry[] = [];
  let longName = '';
  for (let at = 0; at + ENTRY_LENGTH <= bytes.length; at += ENTRY_LENGTH) {
    const entry = bytes.subarray(at, at + ENTRY_LENGTH);
    const first = entry.readUInt8(0);
    if (first === 0) break;
    const attributes = entry.readUInt8(11);
    if (first === DELETED) longName = '';
    else if ((attributes & IS_LONG_NAME) === IS_LONG_NAME) longName = partOfLongName(entry) + longName;
    else {
      if ((attributes & IS_LABEL) === 0) {
        const cluster = entry.readUInt16LE(20) * 65536 + entry.readUInt16LE(26);
        entries.push({ name: longName || shortName(entry), isFolder: (attributes & IS_FOLDER) !== 0, cluster });
      }
      longName = '';
    }
  }
  return entries;
}

/** 13 characters in three places; a NUL ends the last part of a name. The parts are in reverse order. */
function partOfLongName(entry: Buffer): string {
  const characters = Buffer.concat([entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)]);
  const text = characters.toString('utf16le');
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** Upper case, unless Windows NT recorded that the name or its extension is all lower case. */
function shortName(entry: Buffer): string {
  const lowered = entry.readUInt8(12);
  const part = (from: number, to: number, lowerBit: number) => {
    const text = entry.toString('latin1', from, to).trimEnd();
    return (lowered & lowerBit) === 0 ? text : text.toLowerCase();
  };
  const [name, extension] = [part(0, 8, LOWER_NAME), part(8, 11, LOWER_EXTENSION)];
  return extension === '' ? name : `${name}.${extension}`;
}
