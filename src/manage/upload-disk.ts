// How a managed disk in upload is recognised.
import type { ManagedDisk } from '../azure/arm/managed-disks.ts';

/** The tag of a disk that vhdup created: the id of the upload. */
export const UPLOAD_TAG = 'vhdup-upload-id';

/** Whether the disk still accepts an upload. Its content is not complete. */
export function isInUpload({ diskState }: ManagedDisk): boolean {
  return diskState === 'ReadyToUpload' || diskState === 'ActiveUpload';
}
