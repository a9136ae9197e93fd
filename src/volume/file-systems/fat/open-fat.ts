// openFat: the files of FAT12, FAT16 and FAT32 (Microsoft's FAT specification 1.03).
import type { ByteRange } from '../../../base/byte-range.ts';
import { ClusterReader } from '../cluster-chain.ts';
import { type FatGeometry, fatGeometry, fatUncleanReasons } from '../fat.ts';
import { isSameName, namesIn } from '../names-without-case.ts';
import {
  type FileEntry,
  MAX_NAMES,
  type OpenedFileSystem,
  UnreadableError,
  type VolumeBytes,
} from '../opened-file-system.ts';
import { checkChains } from './check-chains.ts';
import { decodeEntries, type FatEntry } from './folder-entries.ts';
import { fatUsedRanges } from './used-ranges.ts';

const SECTOR = 512;
/** The specification allows 65,536 entries of 32 bytes. */
const MAX_FOLDER = 65_536 * 32;

const ROOT: FatEntry = { name: '', shortName: '', isFolder: true, cluster: 0, size: 0 };

/** @throws {UnreadableError} its boot sector is damaged. */
export async function openFat(volume: VolumeBytes): Promise<OpenedFileSystem> {
  if (volume.size < SECTOR) throw new UnreadableError(`its volume has only ${volume.size} bytes`);
  const head = Buffer.alloc(SECTOR);
  await volume.read({ offset: 0, length: SECTOR }, head);
  const fat = fatGeometry(head);
  if (fat === undefined) throw new UnreadableError('its boot sector is damaged');
  requireGeometry(fat, volume.size);
  if (fat.bits === 32) requireFat32(head);
  const table = Buffer.alloc(8);
  await volume.read({ offset: fat.tableOffset, length: table.length }, table);
  const reasons = fatUncleanReasons(fat, head, table);
  return new FatFileSystem(volume, fat, reasons.length === 0 ? undefined : reasons.join(', '));
}

function requireGeometry({ bits, clusters, clusterSize, dataOffset, tableLength }: FatGeometry, size: number): void {
  const end = dataOffset + clusters * clusterSize;
  if (end > size) throw new UnreadableError(`it ends at ${end}, but the volume has ${size} bytes`);
  const entries = Math.floor((tableLength * 8) / bits);
  if (entries < clusters + 2) {
    throw new UnreadableError(`its table has ${entries} entries, but it has ${clusters} clusters`);
  }
}

/** Windows and Linux always write both tables, and version 0.0. */
function requireFat32(head: Buffer): void {
  if ((head.readUInt16LE(40) & 0x80) !== 0) throw new UnreadableError('only one of its allocation tables is in use');
  if (head.readUInt16LE(42) !== 0)
    throw new UnreadableError(`it has version 0x${head.readUInt16LE(42).toString(16)} of FAT32`);
}

class FatFileSystem implements OpenedFileSystem {
  readonly type: string;
  readonly unclean: string | undefined;
  readonly #volume: VolumeBytes;
  readonly #fat: FatGeometry;
  readonly #clusters: ClusterReader;
  /** The folders that were read last, by their first cluster. Together they have at most `MAX_NAMES` entries. */
  readonly #folders = new Map<number, readonly FatEntry[]>();

  constructor(volume: VolumeBytes, fat: FatGeometry, unclean: string | undefined) {
    this.type = `fat${fat.bits}`;
    this.unclean = unclean;
    this.#volume = volume;
    this.#fat = fat;
    const { tableOffset, clusterSize, dataOffset, clusters } = fat;
    const bits = fat.bits === 32 ? 28 : fat.bits;
    this.#clusters = new ClusterReader(volume, { bits, offset: tableOffset, clusterSize, dataOffset, clusters });
  }

  async stat(path: string): Promise<FileEntry | undefined> {
    const entry = await this.#find(path);
    return entry === undefined ? undefined : { kind: entry.isFolder ? 'folder' : 'file', size: entry.size };
  }

  async readdir(path: string): Promise<readonly string[]> {
    const folder = await this.#find(path);
    if (folder?.isFolder !== true) throw new UnreadableError(`${path} is not a folder`);
    return (await this.#entries(folder, path)).map(({ name }) => name);
  }

  readlink(path: string): Promise<string> {
    return Promise.reject(new UnreadableError(`${path} is no link: FAT has none`));
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const file = await this.#find(path);
    if (file === undefined || file.isFolder) throw new UnreadableError(`${path} is not a file`);
    const bytes = new Uint8Array(Math.max(0, Math.min(file.size - offset, length)));
    if (bytes.length > 0) await this.#clusters.read(file.cluster, offset, bytes, path);
    return bytes;
  }

  usedRanges(): AsyncIterable<ByteRange> | undefined {
    return this.unclean === undefined ? this.#usedRanges() : undefined;
  }

  async *#usedRanges(): AsyncGenerator<ByteRange> {
    if (this.#fat.bits === 32) await this.#clusters.readAll(this.#fat.rootCluster, MAX_FOLDER, 'the root folder');
    await checkChains(this.#clusters, await this.#entries(ROOT, '/'));
    yield* fatUsedRanges(this.#volume, this.#fat);
  }

  /** Windows also finds a file by its short name. */
  async #find(path: string): Promise<FatEntry | undefined> {
    let found: FatEntry = ROOT;
    let at = '';
    for (const name of namesIn(path)) {
      if (!found.isFolder) return undefined;
      const entries = await this.#entries(found, at || '/');
      const next =
        entries.find((entry) => isSameName(entry.name, name)) ??
        entries.find((entry) => isSameName(entry.shortName, name));
      if (next === undefined) return undefined;
      found = next;
      at += `/${name}`;
    }
    return found;
  }

  async #entries(folder: FatEntry, path: string): Promise<readonly FatEntry[]> {
    // No folder is at cluster 0, but a damaged entry may say so.
    const key = folder === ROOT ? -1 : folder.cluster;
    const known = this.#folders.get(key);
    if (known !== undefined) return known;
    const entries = decodeEntries(await this.#contents(folder, path));
    this.#folders.set(key, entries);
    let kept = 0;
    for (const { length } of this.#folders.values()) kept += length;
    for (const [oldest, { length }] of this.#folders) {
      if (kept <= MAX_NAMES) break;
      this.#folders.delete(oldest);
      kept -= length;
    }
    return entries;
  }

  async #contents(folder: FatEntry, path: string): Promise<Buffer> {
    const { bits, rootOffset, rootLength, rootCluster } = this.#fat;
    if (folder !== ROOT || bits === 32) {
      return await this.#clusters.readAll(folder === ROOT ? rootCluster : folder.cluster, MAX_FOLDER, path);
    }
    const bytes = Buffer.alloc(rootLength);
    await this.#volume.read({ offset: rootOffset, length: rootLength }, bytes);
    return bytes;
  }
}
