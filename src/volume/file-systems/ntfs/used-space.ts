// The clusters in use by $Bitmap, after every file was compared with it: a cluster of a file that $Bitmap calls free proves it wrong.
import { type ByteRange, endOf } from '../../../base/byte-range.ts';
import { UnreadableError } from '../opened-file-system.ts';
import { DATA } from './attribute.ts';
import type { Mft } from './mft.ts';
import { Recent } from './recent.ts';
import type { Run } from './run-list.ts';
import { storedRuns } from './stored-runs.ts';
import { Stream } from './stream.ts';

const BITMAP_RECORD = 6;
/** Boot code and the header of shadow copies, in bytes. */
const BOOT_LENGTH = 16 * 512;
const CHUNK = 64 * 1024;
const MAX_CHUNKS = 512;
const BITS = 8 * CHUNK;

/**
 * Ascending, with gaps between them.
 * @throws {UnreadableError} before the first range: the bitmap contradicts the files, or one of them is damaged.
 */
export async function* usedRanges(mft: Mft): AsyncGenerator<ByteRange> {
  const { volume, geometry } = mft;
  const bitmap = await ClusterBitmap.open(mft);
  await compareWithFiles(mft, bitmap);
  const end = geometry.clusters * geometry.clusterSize;
  let pending: ByteRange = { offset: 0, length: Math.min(BOOT_LENGTH, volume.size) };
  for await (const { lcn, length } of bitmap.usedClusters()) {
    const range = { offset: lcn * geometry.clusterSize, length: length * geometry.clusterSize };
    if (range.offset > endOf(pending)) {
      yield pending;
      pending = range;
    } else {
      pending = { ...pending, length: Math.max(endOf(pending), endOf(range)) - pending.offset };
    }
  }
  // The backup boot sector follows the last cluster.
  if (end > endOf(pending)) {
    yield pending;
    pending = { offset: end, length: 0 };
  }
  pending = { ...pending, length: volume.size - pending.offset };
  if (pending.length > 0) yield pending;
}

/** @throws {UnreadableError} */
async function compareWithFiles(mft: Mft, bitmap: ClusterBitmap): Promise<void> {
  for await (const { number, runs } of storedRuns(mft)) {
    for (const { lcn, length } of runs) {
      if (lcn !== undefined && !(await bitmap.claim(lcn, length))) {
        throw new UnreadableError(`$Bitmap calls clusters from ${lcn} on free, but file record ${number} uses them`);
      }
    }
  }
}

/** One bit for each cluster, read in chunks. */
class ClusterBitmap {
  readonly #stream: Stream;
  readonly #clusters: number;
  readonly #chunks = new Recent<Buffer>(MAX_CHUNKS);
  #claimed = 0;

  private constructor(stream: Stream, clusters: number) {
    this.#stream = stream;
    this.#clusters = clusters;
  }

  static async open(mft: Mft): Promise<ClusterBitmap> {
    const stream = await Stream.open(mft, await mft.record(BITMAP_RECORD), DATA);
    const { clusters } = mft.geometry;
    if (stream === undefined || stream.initialised < Math.ceil(clusters / 8)) {
      throw new UnreadableError(`its $Bitmap has ${stream?.initialised ?? 0} bytes for ${clusters} clusters`);
    }
    return new ClusterBitmap(stream, clusters);
  }

  /**
   * Whether all these clusters of a file are in use.
   * @throws {UnreadableError} all files together have more clusters than the volume. It also limits the time that this takes.
   */
  async claim(first: number, count: number): Promise<boolean> {
    this.#claimed += count;
    if (this.#claimed > this.#clusters) throw new UnreadableError('several of its files use the same clusters');
    const end = first + count;
    for (let at = first; at < end; ) {
      const chunk = await this.#chunk(Math.floor(at / BITS));
      const last = Math.min(end, (Math.floor(at / BITS) + 1) * BITS);
      for (; at < last; at++) {
        const byte = chunk[(at % BITS) >> 3] ?? 0;
        if (byte === 0xff && at % 8 === 0 && at + 8 <= last) at += 7;
        else if ((byte & (1 << (at & 7))) === 0) return false;
      }
    }
    return true;
  }

  async *usedClusters(): AsyncGenerator<Run & { readonly lcn: number }> {
    let start: number | undefined;
    for (let at = 0; at < this.#clusters; at += BITS) {
      const chunk = await this.#chunk(at / BITS);
      const count = Math.min(BITS, this.#clusters - at);
      for (let bit = 0; bit < count; bit++) {
        const byte = chunk[bit >> 3] ?? 0;
        if (bit % 8 === 0 && byte === (start === undefined ? 0 : 0xff)) {
          bit += 7;
          continue;
        }
        const isUsed = (byte & (1 << (bit & 7))) !== 0;
        if (isUsed && start === undefined) start = at + bit;
        if (!isUsed && start !== undefined) {
          yield { vcn: 0, lcn: start, length: at + bit - start };
          start = undefined;
        }
      }
    }
    if (start !== undefined) yield { vcn: 0, lcn: start, length: this.#clusters - start };
  }

  #chunk(index: number): Promise<Buffer> {
    return this.#chunks.get(index, () => this.#stream.read(index * CHUNK, CHUNK));
  }
}
