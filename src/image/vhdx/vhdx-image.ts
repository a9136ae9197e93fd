// VhdxImage: the disk in a VHDX file: fixed, dynamic, or differencing over its parent.
import { type ByteRange, endOf, type FilePiece } from '../../base/byte-range.ts';
import type { DiskImage, DiskImageFormat, Extent, ImageFileIdentity } from '../disk-image.ts';
import { readPadded, requireReadable } from '../read-padded.ts';
import { bitmapSlice, reverseBits, runsOf, type SectorRun } from '../sector-runs.ts';
import { blockExtents, withoutHoles } from './block-extents.ts';
import { identityOf, type VhdxFile } from './vhdx-file.ts';

export class VhdxImage implements DiskImage {
  readonly path: string;
  readonly format: DiskImageFormat;
  readonly size: number;
  /** The id that the guest sees. A differencing disk shares it with its parent. */
  readonly diskId: Uint8Array;
  /** A VHDX stores no time. */
  readonly timestamp = 0;
  readonly files: readonly ImageFileIdentity[];
  readonly #source: VhdxFile;
  readonly #parent: DiskImage | undefined;

  /** Takes ownership of `source.file` and `parent`, which may have another size. A parent is required exactly if the source names one. */
  constructor(source: VhdxFile, parent?: DiskImage) {
    const { disk, file } = source;
    this.path = file.path;
    if (source.parentLocator !== undefined) this.format = 'vhdx-differencing';
    else this.format = disk.leaveBlocksAllocated ? 'vhdx-fixed' : 'vhdx-dynamic';
    this.size = disk.size;
    this.diskId = disk.page83Id;
    this.files = [identityOf(source), ...(parent?.files ?? [])];
    this.#source = source;
    this.#parent = parent;
  }

  extents(): AsyncIterable<Extent> {
    const { bat, bytes, disk, file } = this.#source;
    const extents = blockExtents(bat.runs(), disk, this.#parent?.extents());
    // In other files the blocks are in any order, and the queries would cost more than they save.
    const isWorthAsking = this.format === 'vhdx-fixed' && file.isSparse && bytes === file;
    return isWorthAsking ? withoutHoles(extents, bat, file) : extents;
  }

  async read(range: ByteRange, into: Uint8Array): Promise<void> {
    requireReadable(this.size, range, into);
    const { blockSize } = this.#source.disk;
    for (let offset = range.offset; offset < endOf(range); ) {
      const end = Math.min(endOf(range), offset - (offset % blockSize) + blockSize);
      await this.#readPiece({ offset, length: end - offset }, into.subarray(offset - range.offset, end - range.offset));
      offset = end;
    }
  }

  async locate(range: ByteRange): Promise<FilePiece | undefined> {
    const { bat, bytes, disk, file } = this.#source;
    const inBlock = range.offset % disk.blockSize;
    // A replayed log may hide the bytes of the file.
    if (bytes !== file || inBlock + range.length > disk.blockSize) return undefined;
    const block = await bat.block(Math.floor(range.offset / disk.blockSize));
    return 'offset' in block && block.source === 'file' ? file.piece(block.offset + inBlock) : undefined;
  }

  /** `piece` must lie in one block. */
  async #readPiece(piece: ByteRange, into: Uint8Array): Promise<void> {
    const { bat, bytes, disk } = this.#source;
    const index = Math.floor(piece.offset / disk.blockSize);
    const block = await bat.block(index);
    if (!('offset' in block)) {
      if (block.source === 'zeros') into.fill(0);
      else await this.#readParent(piece, into);
      return;
    }
    const position = block.offset + (piece.offset % disk.blockSize);
    if (block.source === 'file') await bytes.read(position, into);
    else await this.#readOverParent(piece, position, into);
  }

  async #readParent(piece: ByteRange, into: Uint8Array): Promise<void> {
    if (this.#parent === undefined) into.fill(0);
    else await readPadded(this.#parent, piece, into);
  }

  /** Reads a piece of a partially present block, whose data is at `position` of the file. */
  async #readOverParent(piece: ByteRange, position: number, into: Uint8Array): Promise<void> {
    const { bytes } = this.#source;
    const runs = await this.#readSectorRuns(piece);
    const own = runs.filter((run) => run.isSet);
    if (own.length === runs.length) {
      await bytes.read(position, into);
      return;
    }
    // The parent is read first, so that only one file of a long chain holds the buffer below at a time.
    await this.#readParent(piece, into);
    const [first, last] = [own[0], own.at(-1)];
    if (first === undefined || last === undefined) return;
    const span = this.#bytesOf({ ...first, count: last.first + last.count - first.first }, piece);
    const data = new Uint8Array(span.length);
    await bytes.read(position + span.offset, data);
    for (const run of own) {
      const { offset, length } = this.#bytesOf(run, piece);
      into.set(data.subarray(offset - span.offset, offset - span.offset + length), offset);
    }
  }

  /** The runs of the sectors that the piece touches, counted from the first sector of their chunk. */
  async #readSectorRuns(piece: ByteRange): Promise<SectorRun[]> {
    const { bat, bytes, disk } = this.#source;
    const chunkLength = bat.chunkRatio * disk.blockSize;
    const bitmapOffset = await bat.sectorBitmap(Math.floor(piece.offset / chunkLength));
    const first = Math.floor((piece.offset % chunkLength) / disk.logicalSectorSize);
    const count = Math.ceil(((piece.offset % chunkLength) + piece.length) / disk.logicalSectorSize) - first;
    const slice = bitmapSlice(first, count);
    const bitmap = new Uint8Array(slice.length);
    await bytes.read(bitmapOffset + slice.offset, bitmap);
    // In a VHDX, the first sector of a byte is its lowest bit.
    reverseBits(bitmap);
    return runsOf(bitmap, first, count);
  }

  /** The bytes of `run` (sectors of a chunk) in `piece`, from the beginning of the piece. The piece may begin and end inside a 4 KiB sector. */
  #bytesOf(run: SectorRun, piece: ByteRange): ByteRange {
    const { bat, disk } = this.#source;
    const inChunk = piece.offset % (bat.chunkRatio * disk.blockSize);
    const offset = Math.max(0, run.first * disk.logicalSectorSize - inChunk);
    const end = Math.min(piece.length, (run.first + run.count) * disk.logicalSectorSize - inChunk);
    return { offset, length: end - offset };
  }

  async assertUnchanged(): Promise<void> {
    await this.#source.file.assertUnchanged();
    await this.#parent?.assertUnchanged();
  }

  async close(): Promise<void> {
    try {
      await this.#source.file.close();
    } finally {
      await this.#parent?.close();
    }
  }
}
