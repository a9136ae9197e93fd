// A disk with a volume group that the tools of lvm2 make: the way in which Red Hat installs Linux.
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GuestDisk, type GuestPartition, makeDisk, plantMounted, tool } from './guest-disk.ts';
import { runTool, whyNoMounts } from './loop-volume.ts';

/** Why such disks cannot be made here; undefined if they can. */
export const NO_LVM_TOOLS = whyNoMounts('pvcreate', 'vgcreate', 'lvcreate', 'lvs', 'mkfs.xfs', 'mkfs.ext4');

const MIB = 1024 * 1024;
/** Where the first extent of a physical volume is. */
const FIRST_EXTENT = MIB;
const EXTENT = 4 * MIB;
/** The hyphens are doubled in /dev/mapper. */
export const GROUP = 'vg-golden';

export interface LogicalPart {
  readonly name: string;
  /** In MiB, a multiple of 4. */
  readonly size: number;
  readonly fileSystem: 'xfs' | 'ext4' | 'swap' | undefined;
  readonly files?: GuestPartition['files'];
  /** Copies the volume while it is mounted, as from a running machine. */
  readonly isMounted?: boolean;
}

/** Appends a partition with the volume group to the disk. @returns the path of the image. */
export async function makeLvmDisk(disk: GuestDisk, parts: readonly LogicalPart[]): Promise<string> {
  const size = parts.reduce((sum, part) => sum + part.size, 8);
  const path = await makeDisk({ ...disk, partitions: [...disk.partitions, { size, type: 'V' }] });
  const folder = await mkdtemp(join(tmpdir(), 'vhdup-lvm-'));
  try {
    const physical = join(folder, 'physical');
    await writeFile(physical, '');
    await truncate(physical, size * MIB);
    const extents = makeGroup(physical, parts);
    for (const part of parts) {
      const volume = await makeVolume(folder, part);
      await copyInto(physical, volume, FIRST_EXTENT + (extents.get(part.name) ?? 0) * EXTENT);
    }
    const offset = disk.partitions.reduce((sum, partition) => sum + partition.size, 1) * MIB;
    await copyInto(path, physical, offset);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return path;
}

/** @returns the first extent of each volume. Nothing is activated. */
function makeGroup(physical: string, parts: readonly LogicalPart[]): Map<string, number> {
  const device = runTool('losetup', '--find', '--show', physical).trim();
  try {
    const filter = `devices { global_filter=["a|^${device}$|", "r|.*|"] use_devicesfile=0 }`;
    const run = (name: string, ...args: string[]) => runTool(name, '--config', filter, ...args);
    run('pvcreate', '--quiet', device);
    run('vgcreate', '--quiet', GROUP, device);
    for (const { name, size } of parts) {
      const quiet = ['--driverloaded', 'n', '--activate', 'n', '--zero', 'n', '--wipesignatures', 'n'];
      run('lvcreate', ...quiet, '--name', name, '--size', `${size}m`, GROUP);
    }
    const lines = run('lvs', '--noheadings', '--segments', '-o', 'lv_name,seg_pe_ranges', GROUP).trim().split('\n');
    return new Map(
      lines.map((line) => {
        const [, name = '', first = ''] = /^\s*(\S+)\s+\S+:(\d+)-\d+\s*$/.exec(line) ?? [];
        return [name, Number(first)] as const;
      }),
    );
  } finally {
    runTool('losetup', '--detach', device);
  }
}

async function makeVolume(folder: string, { name, size, fileSystem, files, isMounted }: LogicalPart): Promise<string> {
  const volume = join(folder, name);
  await writeFile(volume, '');
  await truncate(volume, size * MIB);
  if (fileSystem === 'swap') await tool('mkswap', [volume]);
  else if (fileSystem !== undefined) await tool(`mkfs.${fileSystem}`, ['-q', volume]);
  if (files !== undefined) await plantMounted(volume, fileSystem, files);
  if (isMounted !== true) return volume;
  const copy = `${volume}.copy`;
  const mounted = `${volume}.again`;
  await mkdir(mounted);
  await tool('mount', ['-o', 'loop', volume, mounted]);
  try {
    await writeFile(join(mounted, 'written'), 'x');
    await tool('sync', ['-f', mounted]);
    await tool('cp', ['--sparse=always', volume, copy]);
  } finally {
    await tool('umount', [mounted]);
  }
  return copy;
}

async function copyInto(target: string, source: string, offset: number): Promise<void> {
  const place = ['bs=64K', `seek=${offset}`, 'oflag=seek_bytes', 'conv=notrunc,sparse', 'status=none'];
  await tool('dd', [`if=${source}`, `of=${target}`, ...place]);
}
