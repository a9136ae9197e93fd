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

/** Counts the clusters of the files in a volume. It also limits the time that a comparison of all files takes. */
export class ClusterCount {
  readonly #limit: number;
  #counted = 0;

  constructor({ clusters }: ClusterTable) {
    this.#limit = clusters;
  }

  /** @throws {UnreadableError} all files together have more clusters than the volume. */
  add(count: number): void {
    this.#counted += count;
    if (this.#counted > this.#limit) throw new UnreadableError('several of its files use the same clusters');
  }
}

/** Reads one volume. */
export class ClusterReader {
  readonly table: ClusterTable;
  readonly #volume: VolumeBytes;
  readonly #pages: CachedVolume;
  /** The page of the entry that was read last. */
  #lastPage: { readonly index: number; readonly bytes: Buffer } = { index: 0, bytes: Buffer.alloc(0) };

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
    const { clusterSize } = this.table;
    const end = offset + into.length;
    let at = 0;
    for await (const run of this.chain(first, what)) {
      const runEnd = at + run.count * clusterSize;
      const [from, to] = [Math.max(at, offset), Math.min(runEnd, end)];
      if (from < to) await this.#readRun(run, from - at, into.subarray(from - offset, to - offset));
      at = runEnd;
      if (at >= end) return;
    }
    throw new UnreadableError(`${what} is damaged: its clusters end after ${at} bytes`);
  }

  /** The content of a folder, whose length only its chain shows. @throws {UnreadableError} also if it is longer than `limit` bytes. */
  async readAll(first: number, limit: number, what: string): Promise<Buffer> {
    const { clusterSize } = this.table;
    const runs: ClusterRun[] = [];
    let length = 0;
    for await (const run of this.chain(first, what)) {
      runs.push(run);
      length += run.count * clusterSize;
      if (length > limit) throw new UnreadableError(`${what} has more than ${limit} bytes`);
    }
    const bytes = Buffer.alloc(length);
    let at = 0;
    for (const run of runs) {
      const end = at + run.count * clusterSize;
      await this.#readRun(run, 0, bytes.subarray(at, end));
      at = end;
    }
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
      cluster = this.#nextOf(this.#entryInPage(cluster) ?? (await this.#entry(cluster)), what);
    }
    if (run !== undefined) yield run;
  }

  /** Fills `into` from a byte of a run on. */
  async #readRun({ cluster }: ClusterRun, skip: number, into: Uint8Array): Promise<void> {
    const offset = this.table.dataOffset + (cluster - 2) * this.table.clusterSize + skip;
    await this.#volume.read({ offset, length: into.length }, into);
  }

  /** The entry of a cluster if the page of the last entry has it. Most do, and waiting for each takes longer than all the rest. */
  #entryInPage(cluster: number): number | undefined {
    const at = this.#placeOf(cluster);
    const inPage = at - this.#lastPage.index * PAGE;
    const isInside = inPage >= 0 && inPage + this.#entryLength <= this.#lastPage.bytes.length;
    return isInside ? this.#decode(cluster, this.#lastPage.bytes.readUIntLE(inPage, this.#entryLength)) : undefined;
  }

  /** The entry of a cluster: 0 if it is free. Entries of 12 bits may lie in two pages. */
  async #entry(cluster: number): Promise<number> {
    const at = this.#placeOf(cluster);
    const index = Math.floor(at / PAGE);
    const bytes = await this.#pages.piece(index);
    this.#lastPage = { index, bytes };
    const known = this.#entryInPage(cluster);
    if (known !== undefined) return known;
    const next = await this.#pages.piece(index + 1);
    const both = Buffer.concat([bytes.subarray(at % PAGE), next.subarray(0, this.#entryLength)]);
    return this.#decode(cluster, both.readUIntLE(0, this.#entryLength));
  }

  #placeOf(cluster: number): number {
    const { bits, offset } = this.table;
    return offset + Math.floor((cluster * (bits === 28 ? 32 : bits)) / 8);
  }

  /** In bytes, of the numbers that hold an entry. */
  get #entryLength(): 2 | 4 {
    return this.table.bits <= 16 ? 2 : 4;
  }

  #decode(cluster: number, value: number): number {
    const { bits } = this.table;
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
}
