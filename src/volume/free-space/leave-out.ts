// leaveOutFreeSpace: an open image without the free space of the guest, and what that is.
import type { FreeSpaceReport, SkipFree } from '../../base/skip-free.ts';
import type { DiskImage, ImageWarning } from '../../image/disk-image.ts';
import { type FreeSpaceImage, withoutFreeSpace } from '../../image/without-free-space.ts';
import type { Disk } from '../disk.ts';
import { readDiskLayout } from '../disk-layout.ts';
import { type FreeSpace, readFreeSpace } from './read-free-space.ts';

/** Warnings of an image whose disk may not be what its file systems say. */
const DOUBTS: Readonly<Record<string, string>> = {
  'saved-state': 'the virtual machine is suspended, and will resume with the disk as it remembers it',
  'parent-modified': 'a parent of the image was modified after its child was created',
  'parent-found-by-id': 'a parent of the image was found only by its id',
  'parent-size-differs': 'the image and its parent have disks of different sizes',
  'fixed-size-differs': 'the image has more data than its footer says',
};

export interface LeftOut {
  /** Closing it closes the given image. */
  readonly image: FreeSpaceImage;
  readonly freeSpace: FreeSpace;
  readonly report: FreeSpaceReport;
}

/**
 * Reads the metadata of all file systems of the disk.
 * @param warnings Those of opening the image.
 * @throws {VhdupError} the image cannot be read; the reason of `signal`, unchanged, on abort.
 */
export async function leaveOutFreeSpace(
  image: DiskImage,
  warnings: readonly Pick<ImageWarning, 'code'>[],
  mode: SkipFree,
  signal: AbortSignal,
): Promise<LeftOut> {
  const freeSpace = await freeSpaceOf(image, warnings, mode, signal);
  return { image: withoutFreeSpace(image, freeSpace.map), freeSpace, report: reportOf(freeSpace, mode) };
}

/** @throws as `leaveOutFreeSpace` does. */
export async function freeSpaceOf(
  disk: Disk,
  warnings: readonly Pick<ImageWarning, 'code'>[],
  mode: SkipFree,
  signal: AbortSignal,
): Promise<FreeSpace> {
  const codes = warnings.map(({ code }) => code);
  const layout = await readDiskLayout(disk, codes.includes('sector-size-4096') ? 4096 : undefined);
  signal.throwIfAborted();
  const doubt = doubtOfImage(codes);
  return await readFreeSpace(disk, layout, { pageFiles: mode === 'all', signal, doubt });
}

/** Why nothing on the disk may be taken for free, if a warning of its image shows that. */
export function doubtOfImage(codes: readonly string[]): string | undefined {
  return codes.map((code) => DOUBTS[code]).find((one) => one !== undefined);
}

export function reportOf({ volumes, unread, map }: FreeSpace, mode: SkipFree): FreeSpaceReport {
  return { mode, digest: map.digest(), bytes: map.bytes, volumes, unread };
}
