// A dynamic VHD: the file omits blocks that were never written, and they read as zeros.
import type { ByteRange } from '../../base/byte-range.ts';
import type { DiskImage, Extent, ImageFileIdentity, OpenDiskImageOptions } from '../disk-image.ts';
import { requireReadable } from '../read-padded.ts';
import { bytesOf, type StoredPiece } from './block-reader.ts';
import type { SparseVhdFile } from './sparse-vhd-file.ts';
import { UnmarkedSectors } from './unmarked-sectors.ts';

export class DynamicVhd implements DiskImage {
  readonly format = 'vhd-dynamic';
  readonly path: string;
  readonly size: number;
  readonly diskId: Uint8Array;
  readonly timestamp: number;
  readonly files: readonly ImageFileIdentity[];
  readonly #source: SparseVhdFile;
  readonly #trustsUnmarked: boolean;
  readonly #unmarked: UnmarkedSectors;

  /** Takes ownership of `source`. */
  constructor(source: SparseVhdFile, options: OpenDiskImageOptions) {
    this.path = source.file.path;
    this.size = source.footer.currentSize;
    this.diskId = source.footer.uniqueId;
    this.timestamp = source.footer.timestamp;
    this.files = [source.identity];
    this.#source = source;
    this.#trustsUnmarked = options.trustUnmarkedSectors === true;
    this.#unmarked = new UnmarkedSectors(this.path, options);
  }

  extents(): AsyncIterable<Extent> {
    return this.#source.bat.extents();
  }

  async read(range: ByteRange, into: Uint8Array): Promise<void> {
    requireReadable(this.size, range, into);
    for await (const { block, position, range: part } of this.#source.bat.pieces(range)) {
      const start = part.offset - range.offset;
      const target = into.subarray(start, start + part.length);
      if (position === undefined) target.fill(0);
      else if (this.#trustsUnmarked) await this.#source.blocks.data({ range: part, position }, target);
      else await this.#readMarked(block, { range: part, position }, target);
    }
  }

  async #readMarked(block: number, piece: StoredPiece, into: Uint8Array): Promise<void> {
    const { blocks } = this.#source;
    for (const run of await blocks.runsAndData(piece, into)) {
      if (run.isSet) continue;
      const bytes = bytesOf(run, into);
      await this.#unmarked.inspect(bytes, {
        block,
        offset: piece.range.offset + (bytes.byteOffset - into.byteOffset),
        hasMarkedSector: () => blocks.hasMarkedSector(piece),
      });
      bytes.fill(0);
    }
  }

  async assertUnchanged(): Promise<void> {
    await this.#source.file.assertUnchanged();
  }

  async close(): Promise<void> {
    this.#unmarked.report();
    await this.#source.file.close();
  }
}
