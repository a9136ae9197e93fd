// What openExt refuses, and when it takes nothing for free. ext.long.test.ts compares all variants with a mount.
import { copyFile, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openExt } from '../../../src/volume/file-systems/ext/open-ext.ts';
import { UnreadableError } from '../../../src/volume/file-systems/opened-file-system.ts';
import { type GuestTree, makeDisk, NO_DISK_TOOLS, overwrite, tool } from '../../support/guest-disk.ts';
import { volumeOfBytes, volumeOfFile } from '../../support/memory-volume.ts';
import { NO_MOUNTS, volumeInFile, whileMounted } from '../../support/mounted-volume.ts';
import { collectRanges } from '../../support/volume-ranges.ts';

const TREE: GuestTree = {
  '/etc/fstab': 'UUID=1 / ext4 defaults 0 1\n',
  '/etc/os-release': '-> ../usr/lib/os-release',
  '/large': 'x'.repeat(100_000),
};
const NO_CHECKSUMS = ['-O', '^metadata_csum'];

function make(mkfs: readonly string[] = [], size = 16): Promise<string> {
  return makeDisk({ table: 'none', size, partitions: [{ size, type: '', fileSystem: 'ext4', files: TREE, mkfs }] });
}

async function bytesOf(mkfs: readonly string[] = []): Promise<Buffer> {
  return await readFile(await make(mkfs));
}

describe.skipIf(NO_DISK_TOOLS !== undefined)(`openExt ${NO_DISK_TOOLS ?? ''}`, () => {
  it('reads ranges of files, and does not follow links', async () => {
    const files = await openExt(await volumeOfFile(await make()));
    expect(files.type).toBe('ext4');
    expect(await files.stat('/large')).toMatchObject({ kind: 'file', size: 100_000, mode: 0o644 });
    expect(Buffer.from(await files.read('/large', 99_990, 100)).toString()).toBe('x'.repeat(10));
    expect(await files.read('/large', 100_000, 100)).toHaveLength(0);
    expect(await files.stat('/etc/os-release')).toMatchObject({ kind: 'link' });
    expect(await files.readlink('/etc/os-release')).toBe('../usr/lib/os-release');
    expect(await files.stat('/etc/fstab/x')).toBeUndefined();
    expect(await files.stat('/etc/os-release/x')).toBeUndefined();
    await expect(files.read('/etc', 0, 1)).rejects.toThrow('/etc is not a file');
    await expect(files.readdir('/none')).rejects.toThrow('there is no /none');
  });

  it('reads little of a large file system', async () => {
    const volume = await volumeInFile(await make(['-E', 'lazy_itable_init=1,lazy_journal_init=1'], 64 * 1024));
    const files = await openExt(volume);
    expect(Buffer.from(await files.read('/etc/fstab', 0, 1000)).toString()).toBe(TREE['/etc/fstab']);
    expect(volume.reads).toBeLessThan(12);
    expect(volume.bytesRead).toBeLessThan(64 * 1024);
  });

  it.each([
    [{ incompatible: 0x202c2 }, 'the ext4 feature casefold, which vhdup cannot read'],
    [{ incompatible: 0x302c2 }, 'the ext4 features encrypt, casefold,'],
    [{ incompatible: 0x800002c2 }, 'the ext4 feature incompat 0x80000000,'],
    [{ blockSizeLog: 7 }, 'its block size is 2^17 bytes'],
    [{ blockSizeLog: 4_000_000_000 }, 'its superblock is damaged'],
    [{ magic: 0 }, 'its superblock has no ext signature'],
  ])('refuses %j, and names the reason', async (fields: Readonly<Record<string, number>>, reason) => {
    const bytes = await bytesOf(NO_CHECKSUMS);
    const places = { incompatible: 0x60, blockSizeLog: 0x18, magic: 0x38 };
    for (const [name, at] of Object.entries(places)) {
      const value = fields[name];
      if (value === undefined) continue;
      if (name === 'magic') bytes.writeUInt16LE(value, 1024 + at);
      else bytes.writeUInt32LE(value, 1024 + at);
    }
    await expect(openExt(volumeOfBytes(bytes))).rejects.toThrow(reason);
    await expect(openExt(volumeOfBytes(bytes))).rejects.toThrow(UnreadableError);
  });

  it('refuses a file system that is larger than its volume, and one whose checksum is wrong', async () => {
    const bytes = await bytesOf();
    await expect(openExt(volumeOfBytes(bytes.subarray(0, -4096)))).rejects.toThrow('but the volume has 16773120 bytes');
    bytes.writeUInt8(1, 1024 + 0x78);
    await expect(openExt(volumeOfBytes(bytes))).rejects.toThrow('its superblock is damaged: its checksum is wrong');
  });

  it.each([
    [
      'its journal needs recovery',
      (bytes: Buffer) => bytes.writeUInt32LE(bytes.readUInt32LE(1024 + 0x60) | 4, 1024 + 0x60),
    ],
    ['it was not unmounted', (bytes: Buffer) => bytes.writeUInt16LE(0, 1024 + 0x3a)],
    ['it has errors', (bytes: Buffer) => bytes.writeUInt16LE(3, 1024 + 0x3a)],
    ['it has errors', (bytes: Buffer) => bytes.writeUInt32LE(1, 1024 + 0x194)],
    ['it has orphans', (bytes: Buffer) => bytes.writeUInt32LE(12, 1024 + 0xe8)],
    ['it has orphans', (bytes: Buffer) => bytes.writeUInt32LE(bytes.readUInt32LE(1024 + 0x64) | 0x10000, 1024 + 0x64)],
    ['its journal is on another device', (bytes: Buffer) => bytes.writeUInt32LE(0, 1024 + 0xe0)],
  ])('takes nothing for free when %s', async (reason, edit) => {
    const bytes = await bytesOf(NO_CHECKSUMS);
    edit(bytes);
    const files = await openExt(volumeOfBytes(bytes));
    expect(files.unclean).toContain(reason);
    expect(files.usedRanges()).toBeUndefined();
    expect(await files.readdir('/etc')).toEqual(['fstab', 'os-release']);
  });

  it.each([
    ['snapshots', 0x64, 0x80],
    ['shared blocks', 0x64, 0x4000],
    ['a feature of a later kernel', 0x64, 0x80000000],
    ['a compatible feature of a later kernel', 0x5c, 0x80000000],
  ])('takes nothing for free with %s', async (_, at, bit) => {
    const bytes = await bytesOf(NO_CHECKSUMS);
    bytes.writeUInt32LE((bytes.readUInt32LE(1024 + at) | bit) >>> 0, 1024 + at);
    expect((await openExt(volumeOfBytes(bytes))).usedRanges()).toBeUndefined();
  });

  it.each([
    ['the checksum of the block bitmap of group 0 is wrong', []],
    ['group 0 contradicts itself', NO_CHECKSUMS],
  ])('finds a bit that was cleared under a file: %s', async (reason, mkfs) => {
    const path = await make(mkfs);
    const bitmap = Number(/Block bitmap at (\d+)/.exec(await tool('dumpe2fs', [path]))?.[1]) * 1024;
    const blockSize = 1024 << (await readFile(path)).readUInt32LE(1024 + 0x18);
    const block = Number((await tool('debugfs', ['-R', 'bmap /large 0', path])).trim());
    const at = (bitmap / 1024) * blockSize + Math.floor((block - (blockSize === 1024 ? 1 : 0)) / 8);
    const byte = (await readFile(path)).readUInt8(at);
    const bit = 1 << ((block - (blockSize === 1024 ? 1 : 0)) % 8);
    expect(byte & bit).not.toBe(0);
    await overwrite(path, at, Buffer.from([byte & ~bit]));
    const files = await openExt(await volumeOfFile(path));
    await expect(collectRanges(files.usedRanges())).rejects.toThrow(reason);
  });

  it('finds a superblock that counts other free blocks than its groups', async () => {
    const bytes = await bytesOf(NO_CHECKSUMS);
    bytes.writeUInt32LE(bytes.readUInt32LE(1024 + 0xc) + 1, 1024 + 0xc);
    await expect(collectRanges((await openExt(volumeOfBytes(bytes))).usedRanges())).rejects.toThrow('but its groups');
  });
});

describe.skipIf((NO_DISK_TOOLS ?? NO_MOUNTS) !== undefined)(`openExt on a mounted volume ${NO_MOUNTS ?? ''}`, () => {
  it('takes nothing for free in a copy that was made while it was mounted', async () => {
    const path = await make();
    await whileMounted(path, [], async (folder) => {
      await tool('dd', ['if=/dev/zero', `of=${folder}/new`, 'bs=4096', 'count=4', 'conv=fsync', 'status=none']);
      await copyFile(path, `${path}.copy`);
    });
    const files = await openExt(await volumeOfFile(`${path}.copy`));
    expect(files.unclean).toContain('its journal needs recovery');
    expect(files.usedRanges()).toBeUndefined();
    expect((await openExt(await volumeOfFile(path))).unclean).toBeUndefined();
  });
});
