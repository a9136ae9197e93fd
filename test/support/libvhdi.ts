// libvhdi's vhdimount as an independent reader of VHDs. It needs FUSE, which containers often lack.
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const NO_LIBVHDI = 'vhdimount is not installed, or FUSE does not work here';

export const hasVhdimount = spawnSync('vhdimount', ['-V']).status === 0;

/**
 * Calls `use` with a file that contains the disk of the VHD at `path`, including its parents. Returns undefined if FUSE does not
 * work. @throws if libvhdi refuses the VHD.
 */
export async function withVhdimount<T>(path: string, use: (disk: string) => Promise<T>): Promise<T | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'vhdup-vhdimount-'));
  try {
    const mount = spawnSync('vhdimount', [path, folder], { encoding: 'utf8' });
    if (/fuse/i.test(mount.stderr)) return undefined;
    if (mount.status !== 0) throw new Error(`vhdimount failed: ${mount.stderr}`);
    try {
      // One file per image of the chain; the last one is the child.
      const disk = (await readdir(folder)).sort((one, other) => layerOf(one) - layerOf(other)).at(-1);
      return disk === undefined ? undefined : await use(join(folder, disk));
    } finally {
      unmount(folder);
    }
  } finally {
    await rmdir(folder);
  }
}

/** The number in a name such as "vhdi12". */
function layerOf(name: string): number {
  return Number(name.replace(/\D+/g, ''));
}

function unmount(folder: string): void {
  if (spawnSync('fusermount', ['-u', folder]).status === 0) return;
  const { status, stderr } = spawnSync('umount', [folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`umount failed: ${stderr}`);
}
