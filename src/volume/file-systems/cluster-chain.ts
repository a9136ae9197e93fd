// The clusters of a file: FAT and exFAT chain them in a table, where the entry of each cluster names the next one.
import { CachedVolume } from './cached-volume.ts';
import { UnreadableError, type VolumeBytes } from './opened-file-system.ts';

const PAGE = 4096;
/** Clusters in a run at most, so that a reader that needs few does not walk a long chain. */
const MAX_RUN = 1024;

export interface ClusterTable {
  /** Bits of an entry that count. FAT32 has entries of 32 bits, of which 28 count. */
  readonly bits: 12 | 16 | 28 | 32;
  /** In bytes from the beginning of the volume. */
  readonly offset: number;
  readonly clusterSize: number;
  /** Offset of cluster 2, the first one, in bytes. */
  readonly dataOffset: number;
  readonly clusters: number;
}

/** Clusters that follow one another in the volume. */
export interface ClusterRun {
  readonly cluster: number;
  readonly count: number;
}

/** Reads one volume. */
export class ClusterReader {
  readonly table: ClusterTable;
  readonly #volume: VolumeBytes;
  readonly #pages: CachedVolume;

  constructor(volume: VolumeBytes, table: ClusterTable) {
    this.table = table;
    this.#volume = volume;
    this.#pages = new CachedVolume(volume, PAGE);
  }

  /**
   * Fills `into` from a byte of a file on.
   * @param what For the message: "the file /a".
   * @throws {UnreadableError} the chain ends too early, leads nowhere, or in a circle.
   */
  async read(first: number, offset: number, into: Uint8Array, what: string): Promise<void> {
    const { clusterSize, dataOffset } = this.table;
    const end = offset + into.length;
    let at = 0;
    for await (const { cluster, count } of this.chain(first, what)) {
      const runEnd = at + count * clusterSize;
      const [from, to] = [Math.max(at, offset), Math.min(runEnd, end)];
      if (from < to) {
        const place = dataOffset + (cluster - 2) * clusterSize + (from - at);
        await this.#volume.read({ offset: place, length: to - from }, into.subarray(from - offset, to - offset));
      }
      at = runEnd;
      if (at >= end) return;
    }
    throw new UnreadableError(`${what} is damaged: its clusters end after ${at} bytes`);
  }

  /** The content of a folder, whose length only its chain shows. @throws {UnreadableError} also if it is longer than `limit` bytes. */
  async readAll(first: number, limit: number, what: string): Promise<Buffer> {
    const { clusterSize } = this.table;
    let length = 0;
    for await (const { count } of this.chain(first, what)) {
      length += count * clusterSize;
      if (length > limit) throw new UnreadableError(`${what} has more than ${limit} bytes`);
    }
    const bytes = Buffer.alloc(length);
    await this.read(first, 0, bytes, what);
    return bytes;
  }

  /** The runs of a chain, up to its end. @throws {UnreadableError} */
  async *chain(first: number, what: string): AsyncGenerator<ClusterRun> {
    let run: ClusterRun | undefined;
    let cluster: number | undefined = first;
    // A chain that meets the cluster of an earlier step, which moves to every power of two, is a circle.
    let mark = -1;
    for (let steps = 1; cluster !== undefined; steps++) {
      this.#requireCluster(cluster, what);
      if (cluster === mark) throw new UnreadableError(`${what} is damaged: its clusters lead in a circle`);
      if ((steps & (steps - 1)) === 0) mark = cluster;
      if (run !== undefined && run.count < MAX_RUN && run.cluster + run.count === cluster)
        run = { cluster: run.cluster, count: run.count + 1 };
      else {
        if (run !== undefined) yield run;
        run = { cluster, count: 1 };
      }
      cluster = this.#nextOf(await this.#entry(cluster), what);
    }
    if (run !== undefined) yield run;
  }

  /** The entry of a cluster: 0 if it is free. */
  async #entry(cluster: number): Promise<number> {
    const { bits, offset } = this.table;
    const at = offset + Math.floor((cluster * (bits === 28 ? 32 : bits)) / 8);
    const value = await this.#number(at, bits === 12 || bits === 16 ? 2 : 4);
    if (bits === 12) return cluster % 2 === 0 ? value & 0xfff : value >> 4;
    return bits === 28 ? value & 0x0fffffff : value;
  }

  /** The marks are the last values of the entries: ...F7 for a bad cluster, ...F8 and above for the end. */
  #nextOf(entry: number, what: string): number | undefined {
    const marks = 2 ** this.table.bits - 9;
    if (entry > marks) return undefined;
    if (entry === marks) throw new UnreadableError(`${what} is damaged: it leads to a bad cluster`);
    return entry;
  }

  #requireCluster(cluster: number, what: string): void {
    if (cluster >= 2 && cluster < this.table.clusters + 2) return;
    throw new UnreadableError(`${what} is damaged: it leads to cluster ${cluster} of ${this.table.clusters}`);
  }

  /** Entries of 12 bits may lie in two pages. */
  async #number(at: number, length: 2 | 4): Promise<number> {
    const page = await this.#pages.piece(Math.floor(at / PAGE));
    const inPage = at % PAGE;
    if (inPage + length <= PAGE) return page.readUIntLE(inPage, length);
    const next = await this.#pages.piece(Math.floor(at / PAGE) + 1);
    return Buffer.concat([page.subarray(inPage), next.subarray(0, length)]).readUIntLE(0, length);
  }
}
