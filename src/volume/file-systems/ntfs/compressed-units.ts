// Compressed data: units of clusters, each stored compressed, as it is, or not at all if it is zeros (libfsntfs, "Compression").
import type { ByteRange } from '../../../base/byte-range.ts';
import { UnreadableError } from '../opened-file-system.ts';
import { decompressLznt1 } from './lznt1.ts';
import { type MappedVolume, readMapped } from './read-mapped.ts';
import { Recent } from './recent.ts';
import { type Run, runAt } from './run-list.ts';

/** Windows uses units of at most 64 KiB. In bytes. */
const MAX_UNIT = 1024 * 1024;

export class CompressedUnits {
  readonly #mapped: MappedVolume;
  readonly #runsAt: (vcn: number) => Promise<readonly Run[]>;
  readonly #what: string;
  readonly #clusters: number;
  readonly #length: number;
  readonly #recent = new Recent<Buffer>(2);

  /** @throws {UnreadableError} the units are larger than any that Windows writes. */
  constructor(mapped: MappedVolume, runsAt: (vcn: number) => Promise<readonly Run[]>, unitShift: number, what: string) {
    this.#clusters = 2 ** unitShift;
    this.#length = this.#clusters * mapped.geometry.clusterSize;
    if (this.#length > MAX_UNIT) throw new UnreadableError(`${what} has compression units of ${this.#length} bytes`);
    this.#mapped = mapped;
    this.#runsAt = runsAt;
    this.#what = what;
  }

  async read({ offset, length }: ByteRange): Promise<Buffer> {
    const into = Buffer.alloc(length);
    let done = 0;
    while (done < length) {
      const index = Math.floor((offset + done) / this.#length);
      const within = offset + done - index * this.#length;
      const unit = await this.#recent.get(index, () => this.#readUnit(index));
      done += unit.copy(into, done, within);
    }
    return into;
  }

  async #readUnit(index: number): Promise<Buffer> {
    const first = index * this.#clusters;
    const stored = await this.#storedClusters(first);
    if (stored === 0) return Buffer.alloc(this.#length);
    const { clusterSize } = this.#mapped.geometry;
    const range = { offset: first * clusterSize, length: stored * clusterSize };
    const bytes = await readMapped(this.#mapped, this.#runsAt, range, this.#what);
    if (stored === this.#clusters) return bytes;
    const unit = Buffer.alloc(this.#length);
    if (!decompressLznt1(bytes, unit))
      throw new UnreadableError(`compression unit ${index} of ${this.#what} is damaged`);
    return unit;
  }

  /** The clusters of a unit before its hole. */
  async #storedClusters(first: number): Promise<number> {
    let count = 0;
    while (count < this.#clusters) {
      const run = runAt(await this.#runsAt(first + count), first + count);
      if (run === undefined)
        throw new UnreadableError(`cluster ${first + count} of ${this.#what} has no place on the volume`);
      if (run.lcn === undefined) return count;
      count = Math.min(this.#clusters, run.vcn + run.length - first);
    }
    return count;
  }
}
