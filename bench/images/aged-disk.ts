// A disk in use for years: one partition, filled, half of it deleted, filled again, several times. Its free space is full of old data.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ageVolume } from '../../test/support/aged-volume.ts';
import type { Bench } from '../bench.ts';
import { appendFooter } from './linux-disk.ts';
import { runTool } from './tools.ts';

const MIB = 1024 ** 2;

export const AGED = {
  NTFS: ['mkntfs', '-F', '-Q', '-q'],
  ext4: ['mkfs.ext4', '-q', '-F'],
  XFS: ['mkfs.xfs', '-q', '-f'],
} as const;

export type AgedKind = keyof typeof AGED;

/** A fixed VHD with a GPT. Needs root, loop devices, sgdisk and the tools of the file system. @throws if one is missing. */
export async function agedDisk(bench: Bench, kind: AgedKind, size: number): Promise<string> {
  return await bench.image(`aged-${kind.toLowerCase()}-${size}.vhd`, async (path) => {
    await rm(path, { force: true });
    await runTool('truncate', ['--size', String(size), path]);
    await runTool('sgdisk', ['--clear', '--new=1:2048:0', '--typecode=1:8300', path]);
    const limits = ['--offset', String(MIB), '--sizelimit', String(size - 2 * MIB)];
    const device = (await runTool('losetup', ['--find', '--show', ...limits, path])).trim();
    try {
      const [program, ...args] = AGED[kind];
      await runTool(program, [...args, device]);
      const folder = await mkdtemp(join(tmpdir(), 'vhdup-aged-'));
      await runTool(kind === 'NTFS' ? 'ntfs-3g' : 'mount', [device, folder]);
      try {
        ageVolume(folder, { seed: 1 });
      } finally {
        await runTool('umount', [folder]);
        await rm(folder, { recursive: true });
      }
    } finally {
      await runTool('losetup', ['--detach', device]);
    }
    await appendFooter(path, size);
  });
}
