// The allocation bitmap of exFAT, and its comparison with all files (Microsoft's exFAT specification, 7.1).
import { ClusterCount, type ClusterReader, type ClusterTable } from '../cluster-chain.ts';
import { UnreadableError } from '../opened-file-system.ts';
import type { ExfatEntry, ExfatFolder } from './folder-entries.ts';

/** In bytes: half a billion clusters. */
const MAX_BITMAP = 64 * 1024 * 1024;
/** More folders are not walked. */
const MAX_FOLDERS = 2 ** 20;

/** Bit 0 is cluster 2, the first one. */
export class Allocation {
  readonly clusters: number;
  readonly #bits: Buffer;
  readonly #counted: ClusterCount;

  private constructor(table: ClusterTable, bits: Buffer) {
    this.clusters = table.clusters;
    this.#bits = bits;
    this.#counted = new ClusterCount(table);
  }

  /** @throws {UnreadableError} the bitmap is absent, too short, or too long to be read. */
  static async read(reader: ClusterReader, { bitmap }: ExfatFolder): Promise<Allocation> {
    const { clusters } = reader.table;
    const length = Math.ceil(clusters / 8);
    if (bitmap === undefined || bitmap.size < length) {
      throw new UnreadableError('its allocation bitmap is absent or too short');
    }
    if (length > MAX_BITMAP) throw new UnreadableError(`it has ${clusters} clusters, too many to compare`);
    const bits = Buffer.alloc(length);
    await reader.read(bitmap.cluster, 0, bits, 'the allocation bitmap');
    const allocation = new Allocation(reader.table, bits);
    await allocation.requireChain(reader, bitmap.cluster, 'the allocation bitmap');
    return allocation;
  }

  /** @param index From 0. */
  isUsed(index: number): boolean {
    return (((this.#bits[index >> 3] ?? 0) >> (index & 7)) & 1) !== 0;
  }

  /** @returns the clusters of the chain. @throws {UnreadableError} one of them is marked as free. */
  async requireChain(reader: ClusterReader, first: number, what: string): Promise<number> {
    let found = 0;
    for await (const { cluster, count } of reader.chain(first, what)) {
      this.#require(cluster, count, what);
      found += count;
    }
    return found;
  }

  /** The table is in no folder, and Windows does not mount a volume without it. @throws {UnreadableError} */
  async requireUpCaseTable(reader: ClusterReader, { upCaseTable }: ExfatFolder): Promise<void> {
    if (upCaseTable === undefined) throw new UnreadableError('its up-case table is absent');
    const found = await this.requireChain(reader, upCaseTable.cluster, 'the up-case table');
    if (found * reader.table.clusterSize < upCaseTable.size) {
      throw new UnreadableError('the up-case table has too few clusters in the allocation table');
    }
  }

  /** @throws {UnreadableError} a cluster of a file or folder is marked as free, or several use the same one. */
  async requireFiles(
    reader: ClusterReader,
    root: ExfatFolder,
    folderOf: (entry: ExfatEntry) => Promise<ExfatFolder>,
  ): Promise<void> {
    const { clusterSize } = reader.table;
    const waiting: ExfatFolder[] = [root];
    const seen = new Set<number>();
    for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
      for (const entry of folder.entries) {
        const { isFolder, cluster, size, isContiguous } = entry;
        if (size === 0) continue;
        const needed = Math.ceil(size / clusterSize);
        const what = `the ${isFolder ? 'folder' : 'file'} at cluster ${cluster}`;
        if (isContiguous) this.#require(cluster, needed, what);
        else if ((await this.requireChain(reader, cluster, what)) < needed) {
          throw new UnreadableError(`${what} has too few clusters in the allocation table`);
        }
        if (!isFolder) continue;
        if (seen.has(cluster) || seen.size === MAX_FOLDERS) {
          throw new UnreadableError('its folders form a circle, or are too many to compare');
        }
        seen.add(cluster);
        waiting.push(await folderOf(entry));
      }
    }
  }

  #require(first: number, count: number, what: string): void {
    if (first < 2 || first - 2 + count > this.clusters) {
      throw new UnreadableError(`${what} is damaged: it leads to cluster ${first} of ${this.clusters}`);
    }
    this.#counted.add(count);
    for (let index = first - 2; index < first - 2 + count; index++) {
      if (!this.isUsed(index)) throw new UnreadableError(`the allocation bitmap calls a cluster of ${what} free`);
    }
  }
}
