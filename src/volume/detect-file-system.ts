// Recognises the contents of a partition by its superblock, without reading the file system itself.
import type { ByteRange } from '../base/byte-range.ts';
import { VhdupError } from '../errors.ts';
import { bytesAt, type Disk, partOf } from './disk.ts';
import type { FileSystem } from './file-system.ts';
import { detectApple } from './file-systems/apple.ts';
import { detectBsd, detectZfs } from './file-systems/bsd.ts';
import { CONTAINER_DETECTORS } from './file-systems/containers.ts';
import { detectExt } from './file-systems/ext.ts';
import { detectFat } from './file-systems/fat.ts';
import { LINUX_DETECTORS } from './file-systems/linux.ts';
import { readNtfsLabel } from './file-systems/ntfs/volume-state.ts';
import { UnreadableError } from './file-systems/opened-file-system.ts';
import { detectOptical } from './file-systems/optical.ts';
import { detectWindows } from './file-systems/windows.ts';

/** @param head The beginning of a partition, padded with zeros to `HEAD_LENGTH`. */
export type Detect = (head: Buffer) => FileSystem | undefined;

/** Btrfs and UFS store their superblocks at 64 KiB; the signature of swap with 64 KiB pages is before that. */
export const HEAD_LENGTH = 72 * 1024;

/** Tried in this order: containers first, and FAT, whose marks are the weakest, last. */
const DETECTORS: readonly Detect[] = [
  ...CONTAINER_DETECTORS,
  detectWindows,
  detectExt,
  ...LINUX_DETECTORS,
  detectBsd,
  detectZfs,
  detectApple,
  detectOptical,
  detectFat,
];

/**
 * The contents of `range`, or undefined if they are not recognised.
 * @throws {CorruptImageError} @throws {ImageAccessError} the image cannot be read there.
 */
export async function detectFileSystem(disk: Disk, range: ByteRange): Promise<FileSystem | undefined> {
  const head = await headOf(disk, range);
  for (const detect of DETECTORS) {
    const found = detect(head);
    if (found !== undefined) return found.type === 'ntfs' ? await withNtfsLabel(disk, range, found) : found;
  }
  return undefined;
}

/** Everything that the beginning of `range` resembles. More than one: the signature of an earlier use is left. @throws as `detectFileSystem` */
export async function detectAll(disk: Disk, range: ByteRange): Promise<readonly FileSystem[]> {
  const head = await headOf(disk, range);
  return DETECTORS.flatMap((detect) => detect(head) ?? []);
}

async function headOf(disk: Disk, range: ByteRange): Promise<Buffer> {
  const head = Buffer.alloc(HEAD_LENGTH);
  const length = Math.min(HEAD_LENGTH, range.length, Math.max(0, disk.size - range.offset));
  (await bytesAt(disk, range.offset, length)).copy(head);
  return head;
}

/** NTFS stores its label in metadata that may be damaged; then the label is left out. */
async function withNtfsLabel(disk: Disk, range: ByteRange, found: FileSystem): Promise<FileSystem> {
  try {
    const label = await readNtfsLabel(partOf(disk, range));
    return label === undefined ? found : { ...found, label };
  } catch (error) {
    if (error instanceof UnreadableError || error instanceof VhdupError) return found;
    throw error;
  }
}
