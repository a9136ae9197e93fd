// openDiskImage: opens a disk image of any supported format, detected from its contents and never from its name.

import { printable } from '../base/printable.ts';
import { UnsupportedImageError } from '../errors.ts';
import type { DiskImage, OpenDiskImageOptions } from './disk-image.ts';
import { bareVolume } from './foreign/bare-volume.ts';
import { recognise, recogniseByName } from './foreign/recognise.ts';
import { ImageFile } from './image-file.ts';
import { findPartitionTable } from './partition-table.ts';
import { openRawImage } from './raw-image.ts';
import { sectorSizeWarning } from './sector-size-warning.ts';
import { endsAsFixedVhd, findFooter } from './vhd/find-footer.ts';
import { openVhd } from './vhd/open-vhd.ts';
import { beginsAsVhdx } from './vhdx/headers.ts';
import { openVhdx } from './vhdx/open-vhdx.ts';

/** Opens `file` if it has the format; otherwise returns undefined. */
type OpenFormat = (file: ImageFile, options: OpenDiskImageOptions) => Promise<DiskImage | undefined>;

/** Tried in this order. The end of a VHDX may hold guest data that looks like a footer, and a fixed VHD begins like a raw disk. */
const FORMATS: readonly OpenFormat[] = [openIfVhdx, openIfVhd, openIfRaw];

/**
 * Opens the image at `path`, and its parents.
 * @throws {ImageAccessError} @throws {CorruptImageError} @throws {UnsupportedImageError} @throws {ParentImageError}
 */
export async function openDiskImage(path: string, options: OpenDiskImageOptions = {}): Promise<DiskImage> {
  const file = await ImageFile.open(path, options);
  try {
    if (options.format === 'raw') return await openRawImage(file, options);
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

async function openIfVhdx(file: ImageFile, options: OpenDiskImageOptions): Promise<DiskImage | undefined> {
  // A fixed VHD may begin with this signature because someone wrote a VHDX to the disk.
  if (!(await beginsAsVhdx(file)) || (await endsAsFixedVhd(file))) return undefined;
  return await openVhdx(file, options);
}

async function openIfVhd(file: ImageFile, options: OpenDiskImageOptions): Promise<DiskImage | undefined> {
  const found = await findFooter(file, options);
  return found === undefined ? undefined : await openVhd(file, found, options);
}

async function openIfRaw(file: ImageFile, options: OpenDiskImageOptions): Promise<DiskImage | undefined> {
  if ((await recognise(file)) !== undefined) return undefined;
  const table = await findPartitionTable(file);
  if (table === undefined) return undefined;
  const path = printable(file.path);
  options.onWarning?.({
    code: 'raw-by-content',
    message: `${path} has a partition table but no header or footer of a disk image, so vhdup reads it as a raw disk of ${file.size} bytes. If it is a VHD, it was truncated and lost its footer: copy it again.`,
  });
  if (table.sectorSize === 4096) options.onWarning?.(sectorSizeWarning(path));
  return await openRawImage(file, options);
}

async function unsupported(file: ImageFile): Promise<UnsupportedImageError> {
  const path = printable(file.path);
  const format = (await recognise(file)) ?? (await bareVolume(file)) ?? recogniseByName(file.path);
  if (format !== undefined) {
    return new UnsupportedImageError(
      `Cannot read ${path}: it is ${format.name}, not a VHD or VHDX. ${format.nextStep(file.path)}`,
    );
  }
  return new UnsupportedImageError(
    `Cannot read ${path}: its ${file.size} bytes have no VHD footer at the end, no copy of one or VHDX signature at the beginning, and no partition table. If it is a VHD, it was truncated: copy it again. If it is a raw disk, use --format raw (convert: --image-format raw).`,
  );
}
