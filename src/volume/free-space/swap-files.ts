// Swap files of Linux: those that /etc/fstab names.
import { type ByteRange, endOf } from '../../base/byte-range.ts';
import { type OpenedFileSystem, UnreadableError } from '../file-systems/opened-file-system.ts';
import { partsFrom, placesOf } from './page-files.ts';
import { SWAP_HEAD, type SwapArea, swapAreaOf } from './swap-area.ts';

const FSTAB = '/etc/fstab';
const MAX_FSTAB = 64 * 1024;
const LINUX: readonly string[] = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs'];

export interface SwapFile {
  readonly path: string;
  readonly area: SwapArea;
}

/** The swap files in the root file system of a Linux. A file that cannot be read is left out. */
export async function swapFilesOf(files: OpenedFileSystem): Promise<readonly SwapFile[]> {
  if (!LINUX.includes(files.type)) return [];
  const found: SwapFile[] = [];
  for (const path of new Set(await readOr([], () => namedIn(files)))) {
    const area = await readOr(undefined, async () => {
      const entry = await files.stat(path);
      if (entry?.kind !== 'file') return undefined;
      return swapAreaOf(Buffer.from(await files.read(path, 0, SWAP_HEAD)), entry.size);
    });
    if (area !== undefined && area.state !== 'unknown') found.push({ path, area });
  }
  return found;
}

/** The contents of swap files, as ranges of the volume. */
export async function swapFileContents(
  files: OpenedFileSystem,
  swapFiles: readonly SwapFile[],
): Promise<readonly ByteRange[]> {
  if (swapFiles.length === 0) return [];
  const places = await placesOf(
    files,
    swapFiles.map(({ path }) => path),
  );
  return swapFiles.flatMap(({ path, area }) => {
    const found = places.get(path);
    if (found === undefined || area.state !== 'swap') return [];
    return partsFrom(found, area.contents.offset, endOf(area.contents));
  });
}

/** Fields are separated by blanks, and blanks in a path are escapes, which no swap file needs (fstab(5)). */
async function namedIn(files: OpenedFileSystem): Promise<readonly string[]> {
  const entry = await files.stat(FSTAB);
  if (entry?.kind !== 'file' || entry.size > MAX_FSTAB) return [];
  const text = Buffer.from(await files.read(FSTAB, 0, entry.size)).toString('utf8');
  return text.split('\n').flatMap((line) => {
    const [device = '', , type] = line.trim().split(/\s+/);
    return type === 'swap' && device.startsWith('/') && !device.startsWith('/dev/') ? [device] : [];
  });
}

async function readOr<T>(otherwise: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof UnreadableError) return otherwise;
    throw error;
  }
}
