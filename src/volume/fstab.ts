// The entries of /etc/fstab, and the subvolumes of btrfs among them (fstab(5), btrfs(5)).
import type { SubvolumeMount } from './file-systems/mounted-subvolumes.ts';

export interface MountPoint {
  /** `UUID=...`, `/dev/sda1`, `tmpfs`. */
  readonly device: string;
  readonly path: string;
  readonly fileSystem: string;
  /** Between commas: `defaults,subvol=@`. */
  readonly options: string;
}

export function mountPointsIn(text: string): readonly MountPoint[] {
  return linesOf(text).flatMap((line) => {
    const [device, path, fileSystem, options = ''] = line.split(/\s+/);
    return device === undefined || path === undefined || fileSystem === undefined
      ? []
      : [{ device, path: path.replace(/(?<=.)\/+$/, ''), fileSystem, options }];
  });
}

/** The subvolumes of the file system of the root that are mounted at other paths. */
export function subvolumesIn(mounts: readonly MountPoint[]): readonly SubvolumeMount[] {
  const root = mounts.find(({ path }) => path === '/');
  return mounts
    .filter(({ device, path, fileSystem }) => device === root?.device && fileSystem === 'btrfs' && isBelowRoot(path))
    .map(({ path, options }) => ({ path, subvolume: subvolumeOf(options) }));
}

function isBelowRoot(path: string): boolean {
  return path.startsWith('/') && path !== '/';
}

/** Without either option, the default subvolume is mounted. */
export function subvolumeOf(options: string): SubvolumeMount['subvolume'] {
  const optionOf = (name: string) =>
    options
      .split(',')
      .findLast((option) => option.startsWith(`${name}=`))
      ?.slice(name.length + 1);
  const [path, id] = [optionOf('subvol'), optionOf('subvolid')];
  return path ?? (id === undefined ? undefined : Number(id));
}

/** The trimmed lines, without comments and blank lines. */
export function linesOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
