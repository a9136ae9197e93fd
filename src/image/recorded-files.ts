// The files of an image as checkpoints, manifests and events record them.
import type { DiskImage, ImageFileIdentity } from './disk-image.ts';

/** The image file, then its parents, without their folders: a full path reveals more about a machine than a record should. */
export function recordedFiles({ files }: Pick<DiskImage, 'files'>): Omit<ImageFileIdentity, 'path'>[] {
  return files.map(({ name, size, modifiedMs, diskId }) => ({ name, size, modifiedMs, diskId }));
}
