// Reads the blocks of one dynamic or differencing VHD: a sector bitmap, followed by the data (VHD specification, "Data Blocks").
import { type ByteRange, endOf } from '../../base/byte-range.ts';
import type { ImageFile } from '../image-file.ts';
import { bitmapSlice, reverseBits, runsOf, type SectorRun } from '../sector-runs.ts';
import type { VhdFooter } from './footer.ts';
import { bitmapLengthOf } from './sector-bitmap.ts';

const SECTOR_SIZE = 512;

/** A part of a block that the file contains. */
export interface StoredPiece {
  /** Range of the disk. */
  readonly range: ByteRange;
  /** Offset of the block in the file. */
  readonly position: number;
}

export class BlockReader {
  readonly #file: ImageFile;
  readonly #blockSize: number;
  readonly #bitmapLength: number;
  readonly #hasReversedBitmaps: boolean;

  constructor(file: ImageFile, footer: VhdFooter, blockSize: number) {
    this.#file = file;
    this.#blockSize = blockSize;
    this.#bitmapLength = bitmapLengthOf(blockSize);
    this.#hasReversedBitmaps = footer.creatorApplication === 'tap\0' && footer.creatorVersion === 0x00000001;
  }

  /** The sector runs of the piece, counted from the beginning of the piece. */
  async runs(piece: StoredPiece): Promise<SectorRun[]> {
    const { first, count } = this.#sectors(piece);
    const { offset, length } = bitmapSlice(first, count);
    const bytes = new Uint8Array(length);
    await this.#file.read(piece.position + offset, bytes);
    return this.#runs(bytes, first, count);
  }

  /** Fills `into` with the data of the piece, whatever its bitmap says. */
  async data(piece: StoredPiece, into: Uint8Array): Promise<void> {
    await this.#file.read(this.#dataPosition(piece), into);
  }

  /** `runs` and `data` together, in one read if the piece begins with its block. */
  async runsAndData(piece: StoredPiece, into: Uint8Array): Promise<SectorRun[]> {
    const { first, count } = this.#sectors(piece);
    if (first > 0) {
      const runs = await this.runs(piece);
      await this.data(piece, into);
      return runs;
    }
    const bitmap = new Uint8Array(this.#bitmapLength);
    await this.#file.read(piece.position, bitmap, into);
    return this.#runs(bitmap, first, count);
  }

  /** Whether the bitmap marks any sector of the whole block. */
  async hasMarkedSector(piece: StoredPiece): Promise<boolean> {
    const bitmap = new Uint8Array(this.#bitmapLength);
    await this.#file.read(piece.position, bitmap);
    return bitmap.some((byte) => byte !== 0);
  }

  #sectors({ range }: StoredPiece): { first: number; count: number } {
    return { first: (range.offset % this.#blockSize) / SECTOR_SIZE, count: range.length / SECTOR_SIZE };
  }

  #dataPosition({ position, range }: StoredPiece): number {
    return position + this.#bitmapLength + (range.offset % this.#blockSize);
  }

  #runs(bytes: Uint8Array, first: number, count: number): SectorRun[] {
    if (this.#hasReversedBitmaps) reverseBits(bytes);
    return runsOf(bytes, first, count).map((run) => ({ ...run, first: run.first - first }));
  }
}

/** The span from the first to the last sector of `runs`, in bytes from the beginning of the piece. */
export function spanOf(runs: readonly SectorRun[]): ByteRange {
  const offset = (runs[0]?.first ?? 0) * SECTOR_SIZE;
  const last = runs.at(-1);
  return { offset, length: last === undefined ? 0 : (last.first + last.count) * SECTOR_SIZE - offset };
}

/** The bytes of `into`, a piece of a block, that belong to `run`. */
export function bytesOf(run: SectorRun, into: Uint8Array): Uint8Array {
  return into.subarray(run.first * SECTOR_SIZE, (run.first + run.count) * SECTOR_SIZE);
}

/** The part of `piece` that `span` covers, in bytes from the beginning of the piece. */
export function cutPiece(piece: StoredPiece, span: ByteRange): StoredPiece {
  const offset = piece.range.offset + span.offset;
  return { position: piece.position, range: { offset, length: endOf(span) - span.offset } };
}
