// The local ancestors of a differencing image, each opened as an image of its own.

import { ImageChangedError } from '../errors.ts';
import type { DiskImage } from '../image/disk-image.ts';
import { openDiskImage } from '../image/open-disk-image.ts';
import type { ImageOptions } from '../options.ts';

/**
 * Opens file `index` of the chain, with its own parents. The caller closes it.
 * @throws {ImageChangedError} it is not the file that was opened as a part of the chain.
 */
export async function openAncestor(image: DiskImage, index: number, options: ImageOptions): Promise<DiskImage> {
  const expected = image.files.slice(index);
  const path = expected[0]?.path ?? image.path;
  const ancestor = await openDiskImage(path, options);
  const isSame = ancestor.files.length === expected.length;
  const isUnchanged = expected.every((file, at) => {
    const now = ancestor.files[at];
    return now?.size === file.size && now.modifiedMs === file.modifiedMs && now.diskId === file.diskId;
  });
  if (isSame && isUnchanged) return ancestor;
  await ancestor.close();
  throw new ImageChangedError(
    `${path} has changed since ${image.path} was opened, or its parents are found elsewhere. Run the same command again when nothing writes to these files.`,
  );
}
