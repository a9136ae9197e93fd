// LogicalVolume: the bytes of a linear or striped logical volume.
import { type ByteRange, endOf } from '../../base/byte-range.ts';
import type { VolumeBytes } from '../file-systems/opened-file-system.ts';
import type { Segment } from './volume-group.ts';

/** A part of a physical volume. */
export interface PhysicalPiece {
  readonly volume: VolumeBytes;
  readonly range: ByteRange;
}

interface PlacedSegment extends Segment {
  /** In bytes of the logical volume. */
  readonly range: ByteRange;
}

export class LogicalVolume implements VolumeBytes {
  readonly size: number;
  readonly #segments: readonly PlacedSegment[];
  readonly #extentSize: number;
  /** By the id of the physical volume. Contains all that the segments use. */
  readonly #physical: ReadonlyMap<string, VolumeBytes>;

  constructor(segments: readonly Segment[], extentSize: number, physical: ReadonlyMap<string, VolumeBytes>) {
    let offset = 0;
    this.#segments = segments.map((segment) => {
      const range = { offset, length: segment.extents * extentSize };
      offset = endOf(range);
      return { ...segment, range };
    });
    this.size = offset;
    this.#extentSize = extentSize;
    this.#physical = physical;
  }

  /** The physical volumes that hold a part of it. */
  get physicalVolumes(): ReadonlySet<VolumeBytes> {
    const members = this.#segments.flatMap(({ stripes }) => stripes.map(({ member }) => this.#physical.get(member.id)));
    return new Set(members.filter((volume) => volume !== undefined));
  }

  async read(range: ByteRange, into: Uint8Array): Promise<void> {
    let at = 0;
    for (const piece of this.piecesOf(range)) {
      await piece.volume.read(piece.range, into.subarray(at, at + piece.range.length));
      at += piece.range.length;
    }
  }

  /** The parts of physical volumes that hold `range`, in its order. */
  *piecesOf(range: ByteRange): Generator<PhysicalPiece> {
    if (endOf(range) > this.size) throw new RangeError(`No byte ${endOf(range)} in a volume of ${this.size} bytes.`);
    let index = this.#indexAt(range.offset);
    for (let offset = range.offset; offset < endOf(range); ) {
      const segment = this.#segments[index];
      if (segment === undefined) return;
      const piece = this.#pieceAt(segment, offset, endOf(range));
      yield piece;
      offset += piece.range.length;
      if (offset === endOf(segment.range)) index++;
    }
  }

  /** The segment with the byte at `offset`. */
  #indexAt(offset: number): number {
    let [low, high] = [0, this.#segments.length];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#segments[middle]?.range.offset ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The longest piece from `offset`. Stripes take turns: each has `stripeSize` bytes before the next. */
  #pieceAt({ range, stripes, stripeSize }: PlacedSegment, offset: number, end: number): PhysicalPiece {
    const within = offset - range.offset;
    const unit = stripes.length === 1 ? range.length : stripeSize;
    const turn = Math.floor(within / unit);
    const stripe = stripes[turn % stripes.length];
    const volume = this.#physical.get(stripe?.member.id ?? '');
    if (stripe === undefined || volume === undefined) throw new RangeError('A stripe has no physical volume.');
    const place = Math.floor(turn / stripes.length) * unit + (within % unit);
    const start = stripe.member.start + stripe.firstExtent * this.#extentSize + place;
    return { volume, range: { offset: start, length: Math.min(end - offset, unit - (within % unit)) } };
  }
}
