// A fixed VHD: the disk byte for byte, followed by a footer.
import type { ByteRange, FilePiece } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { CorruptImageError } from '../../errors.ts';
import type { DiskImage, Extent, ImageFileIdentity, OpenDiskImageOptions } from '../disk-image.ts';
import type { ImageFile } from '../image-file.ts';
import { requireReadable } from '../read-padded.ts';
import type { FoundFooter } from './find-footer.ts';
import { identityOf } from './identity.ts';

export class FixedVhd implements DiskImage {
  readonly format = 'vhd-fixed';
  readonly path: string;
  readonly size: number;
  readonly diskId: Uint8Array;
  readonly timestamp: number;
  readonly files: readonly ImageFileIdentity[];
  readonly #file: ImageFile;

  /** Takes ownership of `file`. @throws {CorruptImageError} the file is shorter than its disk. */
  constructor(file: ImageFile, { footer, dataEnd }: FoundFooter, options: OpenDiskImageOptions) {
    const path = printable(file.path);
    if (footer.currentSize > dataEnd) {
      throw new CorruptImageError(
        `Cannot read ${path}: its footer says that the disk has ${footer.currentSize} bytes, but only ${dataEnd} lie before the footer. The file may have been truncated: copy it again.`,
      );
    }
    if (footer.currentSize < dataEnd) {
      options.onWarning?.({
        code: 'fixed-size-differs',
        message: `The footer of ${path} says that the disk has ${footer.currentSize} bytes, but ${dataEnd} lie before it. Only the first ${footer.currentSize} bytes are used.`,
      });
    }
    this.path = file.path;
    this.size = footer.currentSize;
    this.diskId = footer.uniqueId;
    this.timestamp = footer.timestamp;
    this.files = [identityOf(file, footer)];
    this.#file = file;
  }

  /** A fixed VHD does not record which sectors were written, so this is the whole disk except for holes of the file. */
  extents(): AsyncIterable<Extent> {
    return this.#file.dataRanges({ offset: 0, length: this.size });
  }

  async read(range: ByteRange, into: Uint8Array): Promise<void> {
    requireReadable(this.size, range, into);
    await this.#file.read(range.offset, into);
  }

  locate({ offset }: ByteRange): Promise<FilePiece> {
    return Promise.resolve(this.#file.piece(offset));
  }

  async assertUnchanged(): Promise<void> {
    await this.#file.assertUnchanged();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
