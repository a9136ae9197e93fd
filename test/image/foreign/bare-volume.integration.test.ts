// Real file systems without a partition table are named, and can be uploaded as they are.
import { execFileSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UnsupportedImageError } from '../../../src/errors.ts';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { failureOf, openWatched, temporaryFolder } from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;

async function volume(size: number, command: string): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.vhd');
  const file = await open(path, 'w');
  await file.truncate(size);
  await file.close();
  const [program = '', ...words] = command.split(' ');
  const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  execFileSync(program, [...words, path], { env: environment, input: 'passphrase', stdio: ['pipe', 'ignore', 'pipe'] });
  return path;
}

describe.skipIf(process.platform !== 'linux')('a volume without a partition table', () => {
  it.each([
    ['mkfs.ext2 -q -F', 'an ext2 file system', 8],
    ['mkfs.ext3 -q -F', 'an ext3 file system', 8],
    ['mkfs.ext4 -q -F', 'an ext4 file system', 8],
    ['mkfs.ntfs -q -F -Q', 'an NTFS file system', 8],
    ['mkfs.fat -F 16', 'a FAT file system', 16],
    ['mkfs.fat -F 32', 'a FAT file system', 64],
    ['mkfs.xfs -q', 'an XFS file system', 512],
    ['mkfs.btrfs -q', 'a Btrfs file system', 256],
    ['mkswap -q', 'a swap area of Linux', 8],
  ])('of %s is named: %s', async (command, name, size) => {
    const path = await volume(size * MIB, command);
    const error = await failureOf(openDiskImage(path));
    expect(error).toBeInstanceOf(UnsupportedImageError);
    expect(error.message).toContain(`it is ${name} without a partition table, not a VHD or VHDX.`);
    expect(error.message).toMatch(/A disk that boots needs a partition table.*with --format raw/);
    expect((await openWatched(path, { format: 'raw' })).image.size).toBe(size * MIB);
  });

  it.each([
    [0, 'fc4e2ba9', 'a member of a software RAID of Linux (md)'],
    [4096, 'fc4e2ba9', 'a member of a software RAID of Linux (md)'],
    [128 * 1024, '0cb1ba0000000000', 'a member of a ZFS pool'],
  ])('with the superblock at %i is named: %s %s', async (offset, superblock, name) => {
    const path = await volume(8 * MIB, 'true');
    const file = await open(path, 'r+');
    await file.write(Buffer.from(superblock, 'hex'), 0, null, offset);
    await file.close();
    expect((await failureOf(openDiskImage(path))).message).toContain(`it is ${name} without a partition table`);
  });

  it('of LUKS is named as encrypted', async () => {
    const path = await volume(32 * MIB, 'cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000');
    expect((await failureOf(openDiskImage(path))).message).toContain('it is a volume encrypted with LUKS');
  });
});
