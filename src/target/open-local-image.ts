// openLocalImage: creates or resumes a disk image in a local file.
import { PAGE_SIZE } from '../base/byte-range.ts';
import { isThere } from '../base/side-file.ts';
import type { BlockLayout } from '../image/block-layout.ts';
import { dynamicVhdLayout } from '../image/vhd/dynamic-layout.ts';
import { encodeFixedFooter } from '../image/vhd/footer.ts';
import { dynamicVhdxLayout } from '../image/vhdx/dynamic-layout.ts';
import { BlockImage } from './block-image.ts';
import { FlatImage } from './flat-image.ts';
import { LocalFile } from './local-file.ts';
import type { LocalImage, LocalImageOptions, LocalImageState } from './local-image.ts';

/**
 * @throws {UsageError} the format cannot hold a disk of this size.
 * @throws {LocalFileError} the file exists and `overwrite` is false, it is not a regular file, or the folder is not writable; or
 * the temporary file to resume is absent or was modified.
 */
export async function openLocalImage(options: LocalImageOptions): Promise<LocalImage> {
  const { diskSize } = options;
  if (!Number.isSafeInteger(diskSize) || diskSize <= 0 || diskSize % PAGE_SIZE !== 0) {
    throw new RangeError(`A disk has a positive multiple of ${PAGE_SIZE} bytes, not ${diskSize}.`);
  }
  const layout = await layoutOf(options);
  if (layout !== undefined) return await BlockImage.open(layout, options);
  return await FlatImage.open(footerOf(options), options);
}

/**
 * Removes the temporary file of an unfinished image that will not be resumed. It may be absent.
 * @param path - The path of the image.
 * @throws {LocalFileError}
 */
export async function discardLocalImage(path: string, { temporary }: LocalImageState): Promise<void> {
  await LocalFile.discard(path, temporary);
}

/** Whether there is a temporary file of an unfinished image. @param path - The path of the image. */
export async function hasUnfinishedFile(path: string, { temporary }: LocalImageState): Promise<boolean> {
  const found = await LocalFile.temporaryOf(path, temporary);
  return found !== undefined && (await isThere(found));
}

/** Undefined for the formats that store the disk as it is. */
async function layoutOf({
  format,
  diskSize: size,
  diskId,
  timestamp,
}: LocalImageOptions): Promise<BlockLayout | undefined> {
  if (format === 'vhd-dynamic') return dynamicVhdLayout({ size, uniqueId: diskId, timestamp });
  return format === 'vhdx' ? await dynamicVhdxLayout({ size, page83Id: diskId }) : undefined;
}

/** What follows the disk: a footer, or nothing. */
function footerOf({ format, diskSize: size, diskId, timestamp, footer }: LocalImageOptions): Uint8Array {
  if (format === 'raw') return new Uint8Array(0);
  return footer ?? encodeFixedFooter({ size, uniqueId: diskId, timestamp });
}
