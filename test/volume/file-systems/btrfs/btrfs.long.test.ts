// btrfs volumes made by mkfs.btrfs and the kernel: their subvolumes, whether they are clean, and what is refused with which reason.
import { closeSync, copyFileSync, fsyncSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BtrfsChecksum } from '../../../../src/volume/file-systems/btrfs/checksums.ts';
import { openBtrfs } from '../../../../src/volume/file-systems/btrfs/open-btrfs.ts';
import type { OpenedFileSystem } from '../../../../src/volume/file-systems/opened-file-system.ts';
import {
  changeSuperblock,
  makeBtrfs,
  NO_BTRFS,
  sameHash,
  subvolumes,
  usedByTools,
} from '../../../support/btrfs-volumes.ts';
import { differencesOf, readBelow, runTool, shownBelow, TestVolume } from '../../../support/loop-volume.ts';
import { expectOtherPathsAnswered, openedVolume } from '../../../support/opened-volume.ts';
import { collectRanges } from '../../../support/volume-ranges.ts';
import { MIB, populate } from '../../../support/xfs-volumes.ts';

function make(...mkfs: string[]): TestVolume {
  const made = makeBtrfs(mkfs, mkfs.length > 0 ? 256 * MIB : 128 * MIB);
  onTestFinished(() => made.remove());
  return made;
}

const opened = (path: string) => openedVolume(path, openBtrfs);

async function text(files: OpenedFileSystem | undefined, path: string): Promise<string> {
  return Buffer.from((await files?.read(path, 0, 100)) ?? []).toString();
}

describe.skipIf(NO_BTRFS !== undefined)(`btrfs ${NO_BTRFS ?? ''}`, () => {
  it('is read as the kernel shows it, with few reads', async () => {
    const made = make();
    const shown = made.mounted('', (root) => {
      populate(root, { scale: 0.06, hasReflinks: true });
      return shownBelow(root);
    });
    const { files, volume } = await opened(made.path);
    expect(files.unclean).toBeUndefined();
    expect(volume.reads).toBeLessThan(10);
    const before = volume.reads;
    expect(await files.read('/large', MIB, 10)).toHaveLength(10);
    expect(volume.reads - before).toBeLessThan(10);
    expect(differencesOf(shown, await readBelow(files))).toEqual([]);
    expect(await collectRanges(files.usedRanges())).toEqual(usedByTools(made.path));
  });

  it('answers for paths that are not there, and for files of other kinds', async () => {
    const made = make();
    made.mounted('', (root) => populate(root, { scale: 0.01 }));
    const { files } = await opened(made.path);
    await expectOtherPathsAnswered(files);
  });

  it('finds each of two names with the same hash', async () => {
    const made = make();
    made.mounted('', (root) => subvolumes(root));
    const { files } = await opened(made.path);
    const names = sameHash();
    expect([...(await files.readdir('/same hash'))].sort()).toEqual([...names].sort());
    for (const name of names) expect(await text(files, `/same hash/${name}`)).toBe(name);
  });

  it('has subvolumes, by path and by number, and opens at the default one', async () => {
    const made = make();
    const number = made.mounted('', (root) => {
      subvolumes(root);
      const id = /ID (\d+)/.exec(runTool('btrfs', 'subvolume', 'show', join(root, '@')).replace('Subvolume ID:', 'ID'));
      runTool('btrfs', 'subvolume', 'set-default', join(root, '@'));
      return Number(id?.[1]?.trim());
    });
    const { files } = await opened(made.path);
    expect(await text(files, '/file')).toBe('in @');
    expect(await text(files, '/var/log/file')).toBe('in @/var/log');
    expect(await text(await files.subvolume?.(5), '/@/var/file')).toBe('in @/var');
    expect(await text(await files.subvolume?.('/@/var/log'), '/file')).toBe('in @/var/log');
    expect(await text(await files.subvolume?.('again'), '/file')).toBe('changed');
    if (Number.isInteger(number)) expect(await text(await files.subvolume?.(number), '/file')).toBe('in @');
    for (const none of ['@/none', '@/.snapshots', '@/file', 4711])
      expect(await files.subvolume?.(none)).toBeUndefined();
    // In a snapshot, a subvolume of the original is an empty folder.
    const snapshot = await files.subvolume?.('@/.snapshots/1');
    expect(await snapshot?.readdir('/var')).toEqual([]);
    expect((await snapshot?.stat('/large'))?.size).toBe(300_000);
  });

  it.each(['-m', '-u'])('was given another UUID by btrfstune %s', async (option) => {
    const made = make();
    made.mounted('', (root) => writeFileSync(join(root, 'file'), 'text'));
    runTool('btrfstune', '-f', option, made.path);
    const { files } = await opened(made.path);
    expect(await text(files, '/file')).toBe('text');
    expect(await collectRanges(files.usedRanges())).toEqual(usedByTools(made.path));
  });

  it('is the seed of others: nothing of it is free', async () => {
    const made = make();
    made.mounted('', (root) => writeFileSync(join(root, 'file'), 'text'));
    runTool('btrfstune', '-f', '-S', '1', made.path);
    const { files } = await opened(made.path);
    expect(await text(files, '/file')).toBe('text');
    expect(files.usedRanges()).toBeUndefined();
  });

  it('has damaged sectors and tree blocks: the other copy is read, or none', async () => {
    const contents = Buffer.alloc(20_000, 'contents ');
    for (const profile of ['dup', 'single']) {
      const made = make('-m', profile, '-d', profile, '-n', '4096');
      made.mounted('', (root) => writeFileSync(join(root, 'file'), contents));
      const bytes = readFileSync(made.path);
      const file = openSync(made.path, 'r+');
      const at = bytes.indexOf(contents.subarray(0, 4096), MIB);
      writeSync(file, Buffer.from('damage'), 0, 6, at + 4096 + 17);
      closeSync(file);
      const { files } = await opened(made.path);
      const read = files.read('/file', 0, 30_000);
      if (profile === 'dup') expect(Buffer.from(await read).equals(contents)).toBe(true);
      else await expect(read).rejects.toThrow(/its inode 257 has a sector with a wrong checksum at the address \d+/);
      expect(await files.read('/file', 8192, 100)).toEqual(contents.subarray(8192, 8292));
    }
  });
});

describe.skipIf(NO_BTRFS !== undefined)(`a btrfs volume is not clean ${NO_BTRFS ?? ''}`, () => {
  it('if it was copied while its log tree was in use: nothing is free', async () => {
    const made = make();
    const copy = join(made.folder, 'copy');
    made.mounted('commit=300', (root) => {
      writeFileSync(join(root, 'before'), 'text');
      runTool('sync', '-f', root);
      const file = openSync(join(root, 'synchronised'), 'w');
      writeSync(file, 'text');
      fsyncSync(file);
      closeSync(file);
      copyFileSync(made.path, copy);
    });
    const { files } = await opened(copy);
    expect(files.unclean).toBe('its log tree needs recovery: it was not unmounted');
    expect(files.usedRanges()).toBeUndefined();
    expect((await opened(made.path)).files.unclean).toBeUndefined();
  });

  it('if a copy of its superblock is newer, or it has errors', async () => {
    const made = make();
    const old = join(made.folder, 'old');
    copyFileSync(made.path, old);
    made.mounted('', (root) => writeFileSync(join(root, 'file'), 'text'));
    const both = Buffer.from(readFileSync(old));
    readFileSync(made.path).copy(both, 64 * MIB, 64 * MIB, 64 * MIB + 4096);
    writeFileSync(old, both);
    expect((await opened(old)).files.unclean).toBe('its superblock at 67108864 is newer');
    await patchSuperblock(made.path, (bytes) => bytes.writeUInt32LE(bytes.readUInt32LE(56) | 4, 56));
    const { files } = await opened(made.path);
    expect(files.unclean).toBe('it has errors');
    expect(files.usedRanges()).toBeUndefined();
  });
});

async function patchSuperblock(path: string, change: (bytes: Buffer) => void): Promise<void> {
  const checksum = await BtrfsChecksum.create(0);
  changeSuperblock(path, change, (bytes) => bytes.set(checksum.of(bytes.subarray(32)), 0));
}

describe.skipIf(NO_BTRFS !== undefined)(`a btrfs volume is refused ${NO_BTRFS ?? ''}`, () => {
  it.each<[string, (bytes: Buffer) => void, string]>([
    ['zones', (bytes) => bytes.writeUInt32LE(0x1000, 188), 'it has zones, which is not supported'],
    ['an extent tree of version 2', (bytes) => bytes.writeUInt32LE(0x2000, 188), 'it has an extent tree of version 2'],
    ['a RAID stripe tree', (bytes) => bytes.writeUInt32LE(0x4000, 188), 'it has a RAID stripe tree'],
    ['unknown features', (bytes) => bytes.writeUInt32LE(0x1, 192), 'it has incompatible features 0x100000000,'],
    ['metadata alone', (bytes) => bytes.writeUInt32LE(2, 60), 'it is a copy of metadata made by btrfs-image'],
    ['unknown checksums', (bytes) => bytes.writeUInt16LE(9, 196), 'its checksums are of the kind 9'],
    ['two devices', (bytes) => bytes.writeUInt32LE(2, 136), 'it is spread over 2 devices'],
    ['a size beyond its volume', (bytes) => bytes.writeUInt32LE(0x4000_0000, 209), 'it is larger than its volume'],
    ['no sector size', (bytes) => bytes.writeUInt32LE(0, 144), 'its sector size is 0'],
    ['another place', (bytes) => bytes.writeUInt32LE(4096, 48), 'it was written for the address 4096'],
    ['a level', (bytes) => bytes.writeUInt8(9, 198), 'its trees have the levels 9'],
    [
      'a root tree elsewhere',
      (bytes) => bytes.writeUInt32LE(0, 80),
      'a tree block should be at the address 0, outside of all chunks',
    ],
    ['another generation', (bytes) => bytes.writeUInt32LE(99, 72), 'is of the generation'],
    ['no chunks', (bytes) => bytes.writeUInt32LE(0, 160), 'a tree block should be at the address'],
    [
      'RAID1',
      (bytes) => bytes.writeUInt32LE(0x12, 811 + 17 + 24),
      'is of the profile RAID1; single and DUP are supported',
    ],
    ['three copies', (bytes) => bytes.writeUInt16LE(3, 811 + 17 + 44), 'its system chunks are damaged'],
  ])('with %s', async (_name, change, reason) => {
    const made = make();
    await patchSuperblock(made.path, change);
    await expect(opened(made.path)).rejects.toThrow(reason);
  });

  it('with a superblock whose checksum is wrong, although its copy is sound', async () => {
    const made = make();
    changeSuperblock(
      made.path,
      (bytes) => bytes.writeUInt8(1, 400),
      () => undefined,
    );
    await expect(opened(made.path)).rejects.toThrow('the checksum of its superblock is wrong');
  });

  it.each(['raid0', 'raid1', 'raid5', 'raid10'])('with %s', async (profile) => {
    const volumes = Array.from({ length: 4 }, () => new TestVolume(256 * MIB));
    for (const volume of volumes) onTestFinished(() => volume.remove());
    const paths = volumes.map(({ path }) => path);
    runTool('mkfs.btrfs', '-q', '-d', profile, '-m', profile, ...paths);
    await expect(opened(paths[0] ?? '')).rejects.toThrow('it is spread over 4 devices');
  });
});

describe.skipIf(NO_BTRFS !== undefined)(`the free space of a btrfs volume ${NO_BTRFS ?? ''}`, () => {
  it('is not known if the counter of its superblock is wrong, or it has unknown features', async () => {
    const made = make();
    const wrong = join(made.folder, 'wrong');
    copyFileSync(made.path, wrong);
    await patchSuperblock(wrong, (bytes) => bytes.writeUInt32LE(bytes.readUInt32LE(120) + 4096, 120));
    const { files } = await opened(wrong);
    await expect(collectRanges(files.usedRanges())).rejects.toThrow(
      /its extents have \d+ bytes, but its superblock counts/,
    );
    await patchSuperblock(made.path, (bytes) => bytes.writeUInt32LE(bytes.readUInt32LE(180) | 0x100, 180));
    expect((await opened(made.path)).files.usedRanges()).toBeUndefined();
  });
});
