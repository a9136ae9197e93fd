// withoutFreeSpace: a disk whose free space reads as zeros, whatever the image holds there.
import type { ByteRange } from '../base/byte-range.ts';
import type { RangeMap } from '../base/range-map.ts';
import type { DiskImage, Extent } from './disk-image.ts';

export interface FreeSpaceImage extends DiskImage {
  /** Bytes of the extents of the image that are left out; undefined until the extents were walked to their end. */
  readonly leftOut: number | undefined;
}

/** Everything that reads the disk sees zeros in the ranges of `free`. Closing it closes `image`. */
export function withoutFreeSpace(image: DiskImage, free: RangeMap): FreeSpaceImage {
  return new WithoutFreeSpace(image, free);
}

class WithoutFreeSpace implements FreeSpaceImage {
  readonly path: string;
  readonly format: DiskImage['format'];
  readonly size: number;
  readonly diskId: Uint8Array;
  readonly timestamp: number;
  readonly files: DiskImage['files'];
  leftOut: number | undefined;
  readonly #image: DiskImage;
  readonly #free: RangeMap;

  constructor(image: DiskImage, free: RangeMap) {
    const { path, format, size, diskId, timestamp, files } = image;
    this.path = path;
    this.format = format;
    this.size = size;
    this.diskId = diskId;
    this.timestamp = timestamp;
    this.files = files;
    this.#image = image;
    this.#free = free;
  }

  async *extents(): AsyncGenerator<Extent> {
    let leftOut = 0;
    for await (const extent of this.#image.extents()) {
      leftOut += extent.length;
      for (const part of this.#free.outside(extent)) {
        leftOut -= part.length;
        yield part;
      }
    }
    this.leftOut = leftOut;
  }

  async read(range: ByteRange, into: Uint8Array): Promise<void> {
    await this.#image.read(range, into);
    clearRanges(this.#free, range, into);
  }

  /** A piece of a file is read without this disk, so it must be used as a whole. */
  async locate(range: ByteRange) {
    return this.#free.overlaps(range) ? undefined : await this.#image.locate?.(range);
  }

  assertUnchanged(): Promise<void> {
    return this.#image.assertUnchanged();
  }

  close(): Promise<void> {
    return this.#image.close();
  }
}

/** Clears what `map` has of `range`. @param bytes The bytes of `range`. */
export function clearRanges(map: RangeMap, range: ByteRange, bytes: Uint8Array): void {
  for (const { offset, length } of map.within(range)) {
    bytes.fill(0, offset - range.offset, offset - range.offset + length);
  }
}
