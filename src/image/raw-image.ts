// A raw disk image: the bytes of the disk, identified only by its partition table.
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { alignUp, type ByteRange, endOf, type FilePiece, MIB, PAGE_SIZE } from '../base/byte-range.ts';
import { printable } from '../base/printable.ts';
import { CorruptImageError } from '../errors.ts';
import type { DiskImage, Extent, ImageFileIdentity, OpenDiskImageOptions } from './disk-image.ts';
import type { ImageFile } from './image-file.ts';
import { requireReadable } from './read-padded.ts';

/**
 * Opens `file` as a raw disk, whatever it contains.
 * @throws {CorruptImageError} the file is empty.
 */
export async function openRawImage(file: ImageFile, options: OpenDiskImageOptions): Promise<DiskImage> {
  const path = printable(file.path);
  if (file.size === 0) throw new CorruptImageError(`Cannot read ${path} as a raw disk: it is empty.`);
  const size = alignUp(file.size, PAGE_SIZE);
  if (size > file.size) {
    options.onWarning?.({
      code: 'raw-size-padded',
      message: `${path} has ${file.size} bytes, which is not a multiple of the sector size ${PAGE_SIZE}. vhdup reads it as a disk of ${size} bytes, padded with zeros. It may have been truncated: compare it with its source.`,
    });
  }
  const image = new RawImage(file, size, await deriveDiskId(file));
  for (const identity of image.files) options.onFile?.(identity);
  return image;
}

class RawImage implements DiskImage {
  readonly format = 'raw';
  readonly path: string;
  readonly size: number;
  readonly diskId: Uint8Array;
  /** A raw disk stores no time, and the time of the file would differ between two copies. */
  readonly timestamp = 0;
  readonly files: readonly ImageFileIdentity[];
  readonly #file: ImageFile;

  constructor(file: ImageFile, size: number, diskId: Uint8Array) {
    this.path = file.path;
    this.size = size;
    this.diskId = diskId;
    const { path, modifiedMs } = file;
    this.files = [
      { path: path, name: basename(path), size: file.size, modifiedMs, diskId: Buffer.from(diskId).toString('hex') },
    ];
    this.#file = file;
  }

  async *extents(): AsyncGenerator<Extent> {
    for await (const { offset, length } of this.#file.dataRanges({ offset: 0, length: this.#file.size })) {
      yield { offset, length: alignUp(length, PAGE_SIZE) };
    }
  }

  async read(range: ByteRange, into: Uint8Array): Promise<void> {
    requireReadable(this.size, range, into);
    const stored = Math.min(range.length, this.#file.size - range.offset);
    await this.#file.read(range.offset, into.subarray(0, stored));
    into.fill(0, stored);
  }

  locate(range: ByteRange): Promise<FilePiece | undefined> {
    return Promise.resolve(endOf(range) > this.#file.size ? undefined : this.#file.piece(range.offset));
  }

  async assertUnchanged(): Promise<void> {
    await this.#file.assertUnchanged();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/**
 * Derives an id for a disk without one from its length and its first MiB, so that the same file always gets the same footer.
 * A UUID of version 8, "vendor-specific" (RFC 9562, 5.8).
 */
async function deriveDiskId(file: ImageFile): Promise<Uint8Array> {
  const head = new Uint8Array(Math.min(MIB, file.size));
  await file.read(0, head);
  const id = createHash('sha256').update(`${file.size}\n`).update(head).digest().subarray(0, 16);
  id.writeUInt8((id.readUInt8(6) & 0x0f) | 0x80, 6);
  id.writeUInt8((id.readUInt8(8) & 0x3f) | 0x80, 8);
  return new Uint8Array(id);
}
