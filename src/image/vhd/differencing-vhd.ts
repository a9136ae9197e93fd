// A differencing VHD: contains the sectors written since it was created; all others come from its parent.
import type { ByteRange } from '../../base/byte-range.ts';
import type { DiskImage, Extent, ImageFileIdentity } from '../disk-image.ts';
import { clipExtents, uniteExtents } from '../extents.ts';
import { readPadded, requireReadable } from '../read-padded.ts';
import { bytesOf, cutPiece, type StoredPiece, spanOf } from './block-reader.ts';
import type { SparseVhdFile } from './sparse-vhd-file.ts';

export class DifferencingVhd implements DiskImage {
  readonly format = 'vhd-differencing';
  readonly path: string;
  readonly size: number;
  readonly diskId: Uint8Array;
  readonly timestamp: number;
  readonly files: readonly ImageFileIdentity[];
  readonly #source: SparseVhdFile;
  readonly #parent: DiskImage;

  /** Takes ownership of `source` and `parent`. The parent may have another size. */
  constructor(source: SparseVhdFile, parent: DiskImage) {
    this.path = source.file.path;
    this.size = source.footer.currentSize;
    this.diskId = source.footer.uniqueId;
    this.timestamp = source.footer.timestamp;
    this.files = [source.identity, ...parent.files];
    this.#source = source;
    this.#parent = parent;
  }

  extents(): AsyncIterable<Extent> {
    return uniteExtents(this.#source.bat.extents(), clipExtents(this.#parent.extents(), this.size));
  }

  async read(range: ByteRange, into: Uint8Array): Promise<void> {
    requireReadable(this.size, range, into);
    for await (const { position, range: part } of this.#source.bat.pieces(range)) {
      const start = part.offset - range.offset;
      const target = into.subarray(start, start + part.length);
      if (position === undefined) await readPadded(this.#parent, part, target);
      else await this.#readOverParent({ range: part, position }, target);
    }
  }

  async #readOverParent(piece: StoredPiece, into: Uint8Array): Promise<void> {
    const { blocks } = this.#source;
    const runs = await blocks.runs(piece);
    const own = runs.filter((run) => run.isSet);
    if (own.length === runs.length) {
      await blocks.data(piece, into);
      return;
    }
    // The parent is read first, so that only one file of a long chain holds the buffer below at a time.
    await readPadded(this.#parent, piece.range, into);
    if (own.length === 0) return;
    const span = spanOf(own);
    const data = new Uint8Array(span.length);
    await blocks.data(cutPiece(piece, span), data);
    for (const run of own) {
      const target = bytesOf(run, into);
      const start = target.byteOffset - into.byteOffset - span.offset;
      target.set(data.subarray(start, start + target.length));
    }
  }

  async assertUnchanged(): Promise<void> {
    await this.#source.file.assertUnchanged();
    await this.#parent.assertUnchanged();
  }

  async close(): Promise<void> {
    try {
      await this.#source.file.close();
    } finally {
      await this.#parent.close();
    }
  }
}
