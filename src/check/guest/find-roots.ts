// The roots of Linux installations in one file system: its root, or subvolumes of btrfs.

import type { SubvolumeMount } from '../../volume/file-systems/mounted-subvolumes.ts';
import { mountPointsIn, subvolumesIn } from '../../volume/fstab.ts';
import { ROOT_SUBVOLUMES } from '../../volume/installed-system.ts';
import type { GuestFileSystem } from './guest-file-system.ts';

/** Any of these marks a root. Every distribution has the first two; the second may be a link to the third. */
const ROOT_FILES = ['/etc/fstab', '/etc/os-release', '/usr/lib/os-release'] as const;

/** The number of the subvolume that has all others (BTRFS_FS_TREE_OBJECTID). */
const TOP_LEVEL = 5;
/** Other names that are tried. */
const MAX_NAMES = 32;

export interface FoundRoot {
  /** Its name at the top level; undefined for what is mounted if none is named. */
  readonly subvolume: string | undefined;
  /** With the subvolumes that its fstab mounts. */
  readonly files: GuestFileSystem;
  /** Where these are mounted. */
  readonly mounted: readonly string[];
}

/** @throws {GuestUnreadableError} */
export async function findRoots(files: GuestFileSystem): Promise<readonly FoundRoot[]> {
  if (await hasOneOf(files, ROOT_FILES)) return [await withSubvolumes(files, files, undefined)];
  for (const name of ROOT_SUBVOLUMES) {
    const found = await rootIn(files, name);
    if (found !== undefined) return [found];
  }
  const top = await files.mounted?.([{ path: '/', subvolume: TOP_LEVEL }]).look('/');
  const roots: FoundRoot[] = [];
  for (const name of top?.kind === 'directory' ? top.names.slice(0, MAX_NAMES) : []) {
    const found = await rootIn(files, name);
    if (found !== undefined) roots.push(found);
  }
  return roots;
}

async function rootIn(files: GuestFileSystem, subvolume: string): Promise<FoundRoot | undefined> {
  const root = files.mounted?.([{ path: '/', subvolume }]);
  if (root === undefined || !(await hasOneOf(root, ROOT_FILES))) return undefined;
  return await withSubvolumes(files, root, subvolume);
}

/** The root with what its fstab mounts from the same file system. */
async function withSubvolumes(
  files: GuestFileSystem,
  root: GuestFileSystem,
  subvolume: string | undefined,
): Promise<FoundRoot> {
  const fstab = files.mounted === undefined ? undefined : await root.look('/etc/fstab');
  const others = fstab?.kind === 'file' ? subvolumesIn(mountPointsIn(new TextDecoder().decode(fstab.bytes))) : [];
  const mounts: SubvolumeMount[] = [{ path: '/', subvolume }, ...others];
  const whole = others.length === 0 ? root : (files.mounted?.(mounts) ?? root);
  return { subvolume, files: whole, mounted: others.map(({ path }) => path) };
}

/** @throws {GuestUnreadableError} */
export async function hasOneOf(files: GuestFileSystem, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    if ((await files.look(path)).kind !== 'absent') return true;
  }
  return false;
}
