// Swap files of Linux: those that /etc/fstab names.
import { type ByteRange, endOf } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { followLinks } from '../file-systems/follow-links.ts';
import { type FilesView, MountedSubvolumes, type SubvolumeMount } from '../file-systems/mounted-subvolumes.ts';
import { type OpenedFileSystem, UnreadableError } from '../file-systems/opened-file-system.ts';
import { type MountPoint, mountPointsIn, subvolumesIn } from '../fstab.ts';
import { ROOT_SUBVOLUMES } from '../installed-system.ts';
import { partsFrom, placesOf } from './page-files.ts';
import { SWAP_HEAD, type SwapArea, swapAreaOf } from './swap-area.ts';

const FSTAB = '/etc/fstab';
const MAX_FSTAB = 64 * 1024;
const LINUX: readonly string[] = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs'];
/** The number of the subvolume that has all others (BTRFS_FS_TREE_OBJECTID). */
const TOP_LEVEL = 5;
/** Names at the top level that are tried, each of which may be a subvolume. This takes about a second. */
const MAX_NAMES = 1000;

export interface SwapFile {
  /** Without symbolic links. */
  readonly path: string;
  readonly area: SwapArea;
}

export interface SwapFiles {
  readonly swapFiles: readonly SwapFile[];
  /** Why there may be others: one cannot be read, or is on another file system. Undefined if all are known. */
  readonly doubt?: string;
}

/** The swap files of the Linux systems whose roots are in the file system. */
export async function swapFilesOf(files: OpenedFileSystem): Promise<SwapFiles> {
  if (!LINUX.includes(files.type)) return { swapFiles: [] };
  const found: SwapFile[] = [];
  try {
    for (const root of await rootsOf(files)) found.push(...(await namedIn(files, root)));
    return { swapFiles: found };
  } catch (error) {
    if (error instanceof UnreadableError) return { swapFiles: found, doubt: error.message };
    throw error;
  }
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
  return [...places].flatMap(([path, found]) => {
    const area = swapFiles.find((one) => one.path === path)?.area;
    return area?.state === 'swap' ? partsFrom(found, area.contents.offset, endOf(area.contents)) : [];
  });
}

interface Root {
  /** Undefined for the default subvolume, and for file systems without subvolumes. */
  readonly subvolume: SubvolumeMount['subvolume'];
  readonly files: OpenedFileSystem;
}

/** Where a system may have its root. btrfs: in the subvolumes at the top level, too. */
async function rootsOf(files: OpenedFileSystem): Promise<readonly Root[]> {
  const roots: Root[] = [{ subvolume: undefined, files }];
  const top = await files.subvolume?.(TOP_LEVEL);
  if (top === undefined) return roots;
  const names = await top.readdir('/');
  if (names.length > MAX_NAMES) throw new UnreadableError(`its top level has more than ${MAX_NAMES} names`);
  for (const subvolume of new Set([...ROOT_SUBVOLUMES, ...names])) {
    const opened = await files.subvolume?.(subvolume);
    if (opened !== undefined) roots.push({ subvolume, files: opened });
  }
  return roots;
}

/** @param files The default subvolume. @throws {UnreadableError} also if a swap file is on another file system. */
async function namedIn(files: OpenedFileSystem, root: Root): Promise<readonly SwapFile[]> {
  const fstab = await followLinks(root.files, FSTAB);
  // NixOS: a link to /nix, which may be a subvolume that only this very file names.
  if (fstab !== undefined && fstab.entry === undefined) {
    throw new UnreadableError(`${FSTAB} leads to another file system or subvolume`);
  }
  if (fstab?.entry?.kind !== 'file') return [];
  const text = Buffer.from(await root.files.read(fstab.path, 0, Math.min(fstab.entry.size, MAX_FSTAB))).toString(
    'utf8',
  );
  const mounts = mountPointsIn(text);
  const own = files.subvolume === undefined ? [] : subvolumesIn(mounts);
  const view = new MountedSubvolumes(files, [{ path: '/', subvolume: root.subvolume }, ...own]);
  const others = mounts.filter(({ path }) => path !== '/' && !own.some((one) => one.path === path));
  const found: SwapFile[] = [];
  for (const path of new Set(swapPathsIn(mounts))) {
    const area = await areaAt(view, path, others);
    if (area !== undefined && area.area.state !== 'unknown') found.push(area);
  }
  return found;
}

/** Blanks in a path are escapes, which no swap file needs (fstab(5)). */
function swapPathsIn(mounts: readonly MountPoint[]): string[] {
  return mounts.flatMap(({ device, fileSystem }) =>
    fileSystem === 'swap' && device.startsWith('/') && !device.startsWith('/dev/') ? [device] : [],
  );
}

async function areaAt(view: FilesView, path: string, others: readonly MountPoint[]): Promise<SwapFile | undefined> {
  const found = await followLinks(view, path);
  const at = found?.path ?? path;
  const elsewhere = others.find((one) => at.startsWith(`${one.path}/`));
  if (elsewhere !== undefined) throw new UnreadableError(`the swap file ${printable(path)} is on another file system`);
  if (found?.entry?.kind !== 'file') return undefined;
  return { path: at, area: swapAreaOf(Buffer.from(await view.read(at, 0, SWAP_HEAD)), found.entry.size) };
}
