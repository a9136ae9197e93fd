// exFAT as mkfs.exfat makes it and exfat-fuse fills it, compared with what a mount shows.
import { execFile, spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openExfat } from '../../../src/volume/file-systems/exfat/open-exfat.ts';
import { overwrite, tool } from '../../support/guest-disk.ts';
import { volumeOfFile } from '../../support/memory-volume.ts';
import { expectSameFiles, NO_MOUNTS, newImage } from '../../support/mounted-volume.ts';
import { collectRanges, overwriteUnused } from '../../support/volume-ranges.ts';

const run = promisify(execFile);
const isAbsent = (name: string) => spawnSync('which', [name]).status !== 0;
const SKIPPED = ['mkfs.exfat', 'fsck.exfat', 'mount.exfat-fuse'].some(isAbsent)
  ? 'exFAT needs exfatprogs and exfat-fuse'
  : NO_MOUNTS;

const FILL = `
  mkdir -p "a folder/with a folder" "größe 磁盘" many
  for i in $(seq 1 120); do echo $i > "many/a file with a long name, number $i"; done
  head -c 300000 /dev/urandom > large; : > empty; head -c 5000 /dev/urandom > "a folder/with a folder/x"
  for i in $(seq 1 10); do head -c 5000 /dev/urandom >> odd; head -c 7000 /dev/urandom >> even; done
  rm many/*7; truncate -s 200000 zeros; echo a > "$(printf 'n%.0s' $(seq 1 255))"
`;

async function whileExfatMounted<T>(image: string, options: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = `${image}.mounted`;
  await mkdir(folder, { recursive: true });
  const device = (await tool('losetup', ['--find', '--show', image])).trim();
  try {
    await run('mount.exfat-fuse', ['-o', options, device, folder]);
    try {
      return await work(folder);
    } finally {
      await run('umount', [folder]);
    }
  } finally {
    await tool('losetup', ['--detach', device]);
  }
}

describe.skipIf(SKIPPED !== undefined)(`openExfat ${SKIPPED ?? ''}`, () => {
  it.each([
    ['the default', 16, []],
    ['clusters of 512 bytes', 8, ['-c', '512']],
    ['clusters of 128 KiB', 64, ['-c', '128K']],
  ])('reads what mount shows, and knows what is free: %s', async (_, size, mkfs) => {
    const path = await newImage(size);
    await tool('mkfs.exfat', [...mkfs, path]);
    await whileExfatMounted(
      path,
      'rw',
      async (folder) => await run('bash', ['-euc', `cd "$1"; ${FILL}`, 'fill', folder]),
    );
    const files = await openExfat(await volumeOfFile(path));
    expect(files.unclean).toBeUndefined();
    const count = await whileExfatMounted(path, 'ro', async (folder) => await expectSameFiles(files, folder));
    expect(count).toBeGreaterThan(100);
    expect(await files.stat('/MANY')).toEqual({ kind: 'folder', size: 0 });

    const free = await overwriteUnused(path, await collectRanges(files.usedRanges()));
    expect(free).toBeGreaterThan((size * 1024 * 1024) / 2);
    await tool('fsck.exfat', ['-n', path]);
    const again = await openExfat(await volumeOfFile(path));
    await whileExfatMounted(path, 'ro', async (folder) => await expectSameFiles(again, folder));
  });

  it('takes nothing for free after it was not unmounted, and refuses damaged boot sectors', async () => {
    const path = await newImage(8);
    await tool('mkfs.exfat', [path]);
    await overwrite(path, 106, Buffer.from([2]));
    const files = await openExfat(await volumeOfFile(path));
    expect(files.unclean).toBe('it was not unmounted');
    expect(files.usedRanges()).toBeUndefined();
    await overwrite(path, 100, Buffer.from([1, 2, 3]));
    await expect(openExfat(await volumeOfFile(path))).rejects.toThrow('the checksum of its boot sectors is wrong');
  });
});
