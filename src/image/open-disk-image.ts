// openDiskImage: opens a disk image of any format that is read, told by its content and never by its name.
import { UnsupportedImageError } from '../errors.ts';
import type { DiskImage, OpenDiskImageOptions } from './disk-image.ts';
import { ImageFile } from './image-file.ts';
import { printable } from './printable.ts';
import { recognise } from './signatures.ts';
import { findFooter } from './vhd/find-footer.ts';
import { openVhd } from './vhd/open-vhd.ts';

/** Opens `file` when it is of the format, or answers undefined when it is not. */
type OpenFormat = (file: ImageFile, options: OpenDiskImageOptions) => Promise<DiskImage | undefined>;

/** In this order: a VHD is told by its end, and its beginning may look like anything. */
const FORMATS: readonly OpenFormat[] = [openIfVhd];

/**
 * Opens the image at `path`, and its parents.
 * @throws {ImageAccessError} @throws {CorruptImageError} @throws {UnsupportedImageError} @throws {ParentImageError}
 */
export async function openDiskImage(path: string, options: OpenDiskImageOptions = {}): Promise<DiskImage> {
  const file = await ImageFile.open(path);
  try {
    for (const openFormat of FORMATS) {
      const image = await openFormat(file, options);
      if (image !== undefined) return image;
    }
    throw await unsupported(file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openIfVhd(file: ImageFile, options: OpenDiskImageOptions): Promise<DiskImage | undefined> {
  const found = await findFooter(file, options);
  return found === undefined ? undefined : await openVhd(file, found, options);
}

async function unsupported(file: ImageFile): Promise<UnsupportedImageError> {
  const path = printable(file.path);
  const format = await recognise(file);
  if (format !== undefined) {
    return new UnsupportedImageError(`Cannot read ${path}: it is ${format.name}, not a VHD. ${format.wayOut}`);
  }
  return new UnsupportedImageError(
    `Cannot read ${path}: its ${file.size} bytes have no VHD footer at the end, nor a copy of one at the beginning. If it is a VHD, it was cut: copy it again. If it is a raw disk, make a VHD of it: qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on SOURCE disk.vhd.`,
  );
}
