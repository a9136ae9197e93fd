import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GuestUnreadableError, MAX_GUEST_FILE } from '../../../src/check/guest/guest-file-system.ts';
import { GuestFiles } from '../../../src/check/guest/guest-files.ts';
import { ImageFile } from '../../../src/image/image-file.ts';
import { openRawImage } from '../../../src/image/raw-image.ts';
import { partOf } from '../../../src/volume/disk.ts';
import type { VolumeBytes } from '../../../src/volume/file-systems/opened-file-system.ts';
import { diskFolder, type GuestTree, makeDisk, NO_DISK_TOOLS, tool, writeDisk } from '../../support/guest-disk.ts';
import { volumeOfBytes, volumeOfFile } from '../../support/memory-volume.ts';

const MIB = 1024 * 1024;

function open(type: string, bytes: VolumeBytes): GuestFiles {
  const files = new GuestFiles({ type, bytes });
  onTestFinished(() => files.close());
  return files;
}

async function textAt(files: GuestFiles, path: string): Promise<string> {
  const entry = await files.look(path);
  return entry.kind === 'file' ? Buffer.from(entry.bytes).toString() : entry.kind;
}

const TREE: GuestTree = {
  '/etc/fstab': 'UUID=1 / ext4 defaults 0 1\n',
  '/etc/os-release': '-> ../usr/lib/os-release',
  '/usr/lib/os-release': 'NAME=Test\n',
  '/etc/absolute': '-> /usr/lib/os-release',
  '/etc/dangling': '-> /nowhere/at/all',
  '/etc/loop': '-> loop',
  '/etc/loop-a': '-> loop-b',
  '/etc/loop-b': '-> loop-a',
  '/lib': '-> usr/lib',
  '/etc/null': '-> /dev/null',
  '/empty': '',
};

describe.skipIf(NO_DISK_TOOLS !== undefined)(`files on ext4 ${NO_DISK_TOOLS ?? ''}`, () => {
  async function ext(mkfs: readonly string[] = [], files: GuestTree = TREE, size = 16): Promise<GuestFiles> {
    const path = await makeDisk({
      table: 'none',
      size,
      partitions: [{ size, type: '', fileSystem: 'ext4', files, mkfs }],
    });
    return open('ext4', await volumeOfFile(path));
  }

  it('lists and reads files and folders', async () => {
    const files = await ext();
    expect(await textAt(files, '/etc/fstab')).toBe(TREE['/etc/fstab']);
    expect(await textAt(files, '/empty')).toBe('');
    const etc = await files.look('/etc');
    expect(etc.kind === 'directory' && [...etc.names].sort()).toEqual([
      'absolute',
      'dangling',
      'fstab',
      'loop',
      'loop-a',
      'loop-b',
      'null',
      'os-release',
    ]);
  });

  it('follows relative and absolute links, also in the middle of a path', async () => {
    const files = await ext();
    expect(await textAt(files, '/etc/os-release')).toBe('NAME=Test\n');
    expect(await textAt(files, '/etc/absolute')).toBe('NAME=Test\n');
    expect(await textAt(files, '/lib/os-release')).toBe('NAME=Test\n');
  });

  it('reports missing files, dangling links and link loops as absent', async () => {
    const files = await ext();
    for (const path of [
      '/etc/passwd',
      '/no/such/folder',
      '/etc/fstab/x',
      '/etc/dangling',
      '/etc/loop',
      '/etc/loop-a',
      '/etc/null',
    ]) {
      expect([path, (await files.look(path)).kind]).toEqual([path, 'absent']);
    }
  });

  it('reads only the beginning of a large file, and reports its full size', async () => {
    const entry = await (await ext([], { '/large': 'x'.repeat(3 * MIB) })).look('/large');
    expect(entry).toMatchObject({ kind: 'file', size: 3 * MIB });
    expect(entry.kind === 'file' && entry.bytes.length).toBe(MAX_GUEST_FILE);
  });

  it.each([
    [
      'ext4 with all features that mke2fs 1.47 enables by default',
      ['-O', '64bit,metadata_csum,metadata_csum_seed,orphan_file'],
    ],
    ['blocks of 1 KiB', ['-b', '1024']],
    ['ext2', ['-t', 'ext2']],
    ['ext3', ['-t', 'ext3']],
    ['inline data', ['-O', 'inline_data']],
    ['bigalloc', ['-O', 'bigalloc']],
    ['a journal that needs recovery', []],
  ])('reads %s', async (name, mkfs) => {
    const path = await makeDisk({
      table: 'none',
      size: 16,
      partitions: [{ size: 16, type: '', fileSystem: 'ext4', files: TREE, mkfs }],
    });
    if (name.startsWith('a journal')) await tool('debugfs', ['-w', '-R', 'feature needs_recovery', path]);
    expect(await textAt(open('ext4', await volumeOfFile(path)), '/etc/os-release')).toBe('NAME=Test\n');
  });

  it('does not write to the disk', async () => {
    const path = await makeDisk({
      table: 'none',
      size: 16,
      partitions: [{ size: 16, type: '', fileSystem: 'ext4', files: TREE }],
    });
    const before = await readFile(path);
    const bytes = new Uint8Array(before);
    const files = open('ext4', volumeOfBytes(bytes));
    await files.look('/etc/fstab');
    files.close();
    expect(Buffer.compare(bytes, before)).toBe(0);
  });

  it('reports a read error, never "absent", where the disk cannot be read', async () => {
    const path = await makeDisk({
      table: 'none',
      size: 16,
      partitions: [{ size: 16, type: '', fileSystem: 'ext4', files: TREE }],
    });
    const volume = await volumeOfFile(path);
    let isBroken = false;
    const files = open('ext4', {
      size: volume.size,
      read: (range, into) => (isBroken ? Promise.reject(new Error('broken')) : volume.read(range, into)),
    });
    await files.look('/');
    isBroken = true;
    await expect(files.look('/usr/lib/os-release')).rejects.toThrow(GuestUnreadableError);
  });

  it('stops after too many reads, which only damage asks for', async () => {
    const path = await makeDisk({
      table: 'none',
      size: 16,
      partitions: [{ size: 16, type: '', fileSystem: 'ext4', files: { '/large': 'x'.repeat(MIB) } }],
    });
    const files = new GuestFiles({ type: 'ext4', bytes: await volumeOfFile(path) }, 3 * MIB);
    expect((await files.look('/large')).kind).toBe('file');
    expect((await files.look('/large')).kind).toBe('file');
    await expect(files.look('/large')).rejects.toThrow('it needs too many reads');
  });

  it('refuses a volume that is not ext', async () => {
    await expect(open('ext4', volumeOfBytes(new Uint8Array(MIB))).look('/')).rejects.toThrow(GuestUnreadableError);
  });

  it('reads a file system of 1 TiB', async () => {
    const path = join(await diskFolder(), 'disk.img');
    await writeFile(path, '');
    const mkfs = ['-E', 'lazy_itable_init=1,lazy_journal_init=1'];
    const partition = { size: 1024 * 1024, type: '', fileSystem: 'ext4', files: TREE, mkfs } as const;
    await writeDisk(path, { table: 'none', size: 1024 * 1024, partitions: [partition] });
    const image = await openRawImage(await ImageFile.open(path), {});
    onTestFinished(async () => await image.close());
    expect(await textAt(open('ext4', partOf(image, { offset: 0, length: image.size })), '/etc/os-release')).toBe(
      'NAME=Test\n',
    );
  });

  it('refuses to read once it is closed', async () => {
    const files = await ext();
    await files.look('/etc');
    files.close();
    await expect(files.look('/etc/fstab')).rejects.toThrow('it is closed');
  });
});

describe.skipIf(NO_DISK_TOOLS !== undefined)(`files on FAT ${NO_DISK_TOOLS ?? ''}`, () => {
  const FILES: GuestTree = {
    '/EFI/BOOT/BOOTX64.EFI': 'loader',
    '/loader/entries/a-rather-long-name.conf': 'options quiet\n',
  };

  it.each([
    ['FAT12', 4, ['-F', '12']],
    ['FAT16', 32, ['-F', '16']],
    ['FAT32', 64, ['-F', '32', '-s', '1']],
  ])('reads %s on %i MiB with %j', async (type, size, mkfs) => {
    const path = await makeDisk({
      table: 'none',
      size,
      partitions: [{ size, type: '', fileSystem: 'vfat', files: FILES, mkfs }],
    });
    const files = open(type.toLowerCase(), await volumeOfFile(path));
    expect(await textAt(files, '/EFI/BOOT/BOOTX64.EFI')).toBe('loader');
    expect(await textAt(files, '/efi/boot/bootx64.efi')).toBe('loader');
    expect(await textAt(files, '/loader/entries/a-rather-long-name.conf')).toBe('options quiet\n');
    expect(await files.look('/loader/entries')).toEqual({ kind: 'directory', names: ['a-rather-long-name.conf'] });
    expect(await textAt(files, '/EFI/none')).toBe('absent');
    expect(await textAt(files, '/none/none')).toBe('absent');
  });

  it('reads a FAT32 with few clusters, which would be a FAT16 by their number', async () => {
    const path = await makeDisk({
      table: 'none',
      size: 64,
      partitions: [{ size: 64, type: '', fileSystem: 'vfat', mkfs: ['-F', '32', '-s', '8'] }],
    });
    const files = open('fat32', await volumeOfFile(path));
    expect(await files.look('/')).toEqual({ kind: 'directory', names: [] });
    expect(await textAt(files, '/EFI/BOOT/BOOTX64.EFI')).toBe('absent');
  });
});
