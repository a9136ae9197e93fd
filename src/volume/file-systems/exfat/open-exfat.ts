// openExfat: the files of exFAT (Microsoft's exFAT specification).
import type { ByteRange } from '../../../base/byte-range.ts';
import { ClusterReader } from '../cluster-chain.ts';
import { joinedRanges } from '../joined-ranges.ts';
import { isSameName, namesIn } from '../names-without-case.ts';
import { type FileEntry, type OpenedFileSystem, UnreadableError, type VolumeBytes } from '../opened-file-system.ts';
import { Allocation } from './allocation.ts';
import {
  BOOT_SECTORS,
  type ExfatGeometry,
  exfatGeometry,
  exfatUncleanReasons,
  isBootChecksumRight,
} from './boot-sector.ts';
import { decodeFolder, type ExfatEntry, type ExfatFolder } from './folder-entries.ts';

const MIN_SECTOR = 512;
/** The specification allows 256 MiB; 32 MiB hold more files than are ever listed. */
const MAX_FOLDER = 32 * 1024 * 1024;

/** @throws {UnreadableError} its boot sector is damaged. */
export async function openExfat(volume: VolumeBytes): Promise<OpenedFileSystem> {
  if (volume.size < BOOT_SECTORS * MIN_SECTOR) throw new UnreadableError(`its volume has only ${volume.size} bytes`);
  const head = Buffer.alloc(MIN_SECTOR);
  await volume.read({ offset: 0, length: head.length }, head);
  const geometry = exfatGeometry(head, volume.size);
  const sectors = Buffer.alloc(BOOT_SECTORS * geometry.sectorSize);
  await volume.read({ offset: 0, length: sectors.length }, sectors);
  if (!isBootChecksumRight(sectors, geometry.sectorSize))
    throw new UnreadableError('the checksum of its boot sectors is wrong');
  const reasons = exfatUncleanReasons(head);
  return new ExfatFileSystem(volume, geometry, reasons.length === 0 ? undefined : reasons.join(', '));
}

class ExfatFileSystem implements OpenedFileSystem {
  readonly type = 'exfat';
  readonly unclean: string | undefined;
  readonly #volume: VolumeBytes;
  readonly #geometry: ExfatGeometry;
  readonly #clusters: ClusterReader;

  constructor(volume: VolumeBytes, geometry: ExfatGeometry, unclean: string | undefined) {
    this.unclean = unclean;
    this.#volume = volume;
    this.#geometry = geometry;
    const { tableOffset, clusterSize, heapOffset, clusters } = geometry;
    const table = { bits: 32, offset: tableOffset, clusterSize, dataOffset: heapOffset, clusters } as const;
    this.#clusters = new ClusterReader(volume, table);
  }

  async stat(path: string): Promise<FileEntry | undefined> {
    const entry = await this.#find(path);
    if (entry === undefined) return undefined;
    return entry === 'root' || entry.isFolder ? { kind: 'folder', size: 0 } : { kind: 'file', size: entry.size };
  }

  async readdir(path: string): Promise<readonly string[]> {
    const folder = await this.#find(path);
    if (folder === undefined || (folder !== 'root' && !folder.isFolder))
      throw new UnreadableError(`${path} is not a folder`);
    return (await this.#folder(folder, path)).entries.map(({ name }) => name);
  }

  readlink(path: string): Promise<string> {
    return Promise.reject(new UnreadableError(`${path} is no link: exFAT has none`));
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const file = await this.#find(path);
    if (file === undefined || file === 'root' || file.isFolder) throw new UnreadableError(`${path} is not a file`);
    const bytes = new Uint8Array(Math.max(0, Math.min(file.size - offset, length)));
    const written = Math.max(0, Math.min(file.written - offset, bytes.length));
    if (written > 0) await this.#readClusters(file, offset, bytes.subarray(0, written), path);
    return bytes;
  }

  usedRanges(): AsyncIterable<ByteRange> | undefined {
    return this.unclean === undefined ? joinedRanges(this.#usedClusters()) : undefined;
  }

  async #find(path: string): Promise<ExfatEntry | 'root' | undefined> {
    let found: ExfatEntry | 'root' = 'root';
    let at = '';
    for (const name of namesIn(path)) {
      if (found !== 'root' && !found.isFolder) return undefined;
      const { entries } = await this.#folder(found, at || '/');
      const next = entries.find((entry) => isSameName(entry.name, name));
      if (next === undefined) return undefined;
      found = next;
      at += `/${name}`;
    }
    return found;
  }

  async #folder(folder: ExfatEntry | 'root', path: string): Promise<ExfatFolder> {
    const bytes = folder === 'root' ? await this.#rootBytes() : await this.#folderBytes(folder, path);
    const decoded = decodeFolder(bytes);
    if (decoded === undefined) throw new UnreadableError(`the folder ${path} is damaged`);
    return decoded;
  }

  async #rootBytes(): Promise<Buffer> {
    return await this.#clusters.readAll(this.#geometry.rootCluster, MAX_FOLDER, 'the root folder');
  }

  async #folderBytes(folder: ExfatEntry, path: string): Promise<Buffer> {
    if (folder.size > MAX_FOLDER) throw new UnreadableError(`the folder ${path} has more than ${MAX_FOLDER} bytes`);
    const bytes = Buffer.alloc(folder.size);
    if (bytes.length > 0) await this.#readClusters(folder, 0, bytes, path);
    return bytes;
  }

  async #readClusters(entry: ExfatEntry, offset: number, into: Uint8Array, path: string): Promise<void> {
    if (!entry.isContiguous) return await this.#clusters.read(entry.cluster, offset, into, path);
    const { heapOffset, clusterSize, clusters } = this.#geometry;
    const start = (entry.cluster - 2) * clusterSize;
    if (start < 0 || start + entry.size > clusters * clusterSize) {
      throw new UnreadableError(`${path} is damaged: it leads to cluster ${entry.cluster} of ${clusters}`);
    }
    await this.#volume.read({ offset: heapOffset + start + offset, length: into.length }, into);
  }

  async *#usedClusters(): AsyncGenerator<ByteRange> {
    const { heapOffset, clusterSize, clusters, rootCluster } = this.#geometry;
    const root = await this.#folder('root', '/');
    const allocation = await Allocation.read(this.#clusters, root);
    await allocation.requireChain(this.#clusters, rootCluster, 'the root folder');
    await allocation.requireUpCaseTable(this.#clusters, root);
    await allocation.requireFiles(this.#clusters, root, (entry) => this.#folder(entry, entry.name));
    yield { offset: 0, length: heapOffset };
    for (let index = 0; index < clusters; index++) {
      if (allocation.isUsed(index)) yield { offset: heapOffset + index * clusterSize, length: clusterSize };
    }
    const end = heapOffset + clusters * clusterSize;
    yield { offset: end, length: this.#volume.size - end };
  }
}
