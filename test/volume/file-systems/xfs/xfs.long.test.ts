// XFS volumes made by mkfs.xfs and the kernel: their files, whether they are clean, and what is refused with which reason.
import { closeSync, copyFileSync, ftruncateSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Crc32c } from '../../../../src/base/crc32c.ts';
import { openXfs } from '../../../../src/volume/file-systems/xfs/open-xfs.ts';
import { differencesOf, readBelow, runTool, shownBelow, type TestVolume } from '../../../support/loop-volume.ts';
import { expectOtherPathsAnswered, openedVolume } from '../../../support/opened-volume.ts';
import { collectRanges } from '../../../support/volume-ranges.ts';
import {
  freeRanges,
  gapsOf,
  MIB,
  makeXfs,
  makeXfsFrom,
  NO_XFS,
  plainTree,
  populate,
  SMALL_XFS,
} from '../../../support/xfs-volumes.ts';

function make(...mkfs: string[]): TestVolume {
  const made = makeXfs(mkfs, 64 * MIB);
  onTestFinished(() => made.remove());
  return made;
}

const opened = (path: string) => openedVolume(path, openXfs);

/** Changes bytes of the volume. `change` gets `length` bytes at `offset`. */
function patch(path: string, offset: number, length: number, change: (bytes: Buffer) => void): void {
  const fd = openSync(path, 'r+');
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, offset);
  change(bytes);
  writeSync(fd, bytes, 0, length, offset);
  closeSync(fd);
}

/** Changes the superblock and renews its checksum. */
async function patchSuperblock(path: string, change: (bytes: Buffer) => void): Promise<void> {
  const crc32c = await Crc32c.create();
  patch(path, 0, 512, (bytes) => {
    change(bytes);
    bytes.writeUInt32LE(crc32c.of(bytes, 224), 224);
  });
}

describe.skipIf(NO_XFS !== undefined)(`XFS ${NO_XFS ?? ''}`, () => {
  it('of version 5 is read as the kernel shows it, with few reads', async () => {
    const made = make();
    const shown = made.mounted('', (root) => {
      populate(root, { scale: 0.06, hasReflinks: true });
      return shownBelow(root);
    });
    const { files, volume } = await opened(made.path);
    expect(files.unclean).toBeUndefined();
    expect(volume.reads).toBeLessThan(40);
    const before = volume.reads;
    expect(await files.read('/large', MIB, 10)).toHaveLength(10);
    expect(volume.reads - before).toBeLessThan(6);
    expect(differencesOf(shown, await readBelow(files))).toEqual([]);
    expect(await collectRanges(files.usedRanges())).toEqual(gapsOf(freeRanges(made.path), volume.size));
  });

  it('of version 4 is read as mkfs.xfs filled it', async () => {
    const tree = plainTree(250, 700);
    onTestFinished(() => rmSync(tree, { recursive: true }));
    const made = makeXfsFrom(tree, ['-m', 'crc=0', '-b', 'size=1024'], 64 * MIB);
    onTestFinished(() => made.remove());
    const { files, volume } = await opened(made.path);
    expect(differencesOf(shownBelow(tree), await readBelow(files))).toEqual([]);
    expect(await collectRanges(files.usedRanges())).toEqual(gapsOf(freeRanges(made.path), volume.size));
  });

  it('answers for paths that are not there, and for files of other kinds', async () => {
    const made = make();
    made.mounted('', (root) => {
      populate(root, { scale: 0.01 });
      runTool('ln', '-s', 'names', join(root, 'link to a folder'));
    });
    const { files } = await opened(made.path);
    await expectOtherPathsAnswered(files);
    expect(await files.stat('/link to a folder/Upper')).toBeUndefined();
  });

  it('compares names without case if mkfs.xfs says so', async () => {
    const tree = plainTree(3, 1);
    onTestFinished(() => rmSync(tree, { recursive: true }));
    const made = makeXfsFrom(tree, ['-n', 'version=ci'], 64 * MIB);
    onTestFinished(() => made.remove());
    const { files } = await opened(made.path);
    expect(await files.stat('/LARGE')).toMatchObject({ kind: 'file' });
    expect(await files.stat('/GrößE')).toMatchObject({ kind: 'file' });
    expect(await files.stat('/GRÖSSE')).toBeUndefined();
    expect((await files.readdir('/')).includes('Größe')).toBe(true);
  });

  it('has the UUID of its metadata and one for its users, after xfs_admin changed it', async () => {
    const made = make();
    made.mounted('', (root) => writeFileSync(join(root, 'file'), 'text'));
    runTool('xfs_admin', '-U', 'generate', made.path);
    const { files } = await opened(made.path);
    expect(await files.stat('/file')).toMatchObject({ size: 4 });
    expect(files.unclean).toBeUndefined();
    made.mounted('', () => undefined);
    expect((await opened(made.path)).files.unclean).toBeUndefined();
  });

  it('was extended: its free space is known', async () => {
    const made = make('-m', 'rmapbt=1');
    made.mounted('', (root) => populate(root, { scale: 0.03, hasReflinks: true }));
    const fd = openSync(made.path, 'r+');
    ftruncateSync(fd, 100 * MIB + 4096 * 5);
    closeSync(fd);
    made.mounted('', (root) => runTool('xfs_growfs', root));
    const { files, volume } = await opened(made.path);
    expect(await collectRanges(files.usedRanges())).toEqual(gapsOf(freeRanges(made.path), volume.size));
  });
});

describe.skipIf(NO_XFS !== undefined)(`an XFS volume is not clean ${NO_XFS ?? ''}`, () => {
  const RECOVERY = 'its log needs recovery: it was not unmounted';

  it('while it is mounted or frozen: nothing is free', async () => {
    const made = make();
    const copies = ['mounted', 'frozen', 'read-only'].map((name) => join(made.folder, `${name}.img`));
    made.mounted('', (root) => {
      writeFileSync(join(root, 'file'), 'text');
      runTool('sync', '-f', root);
      copyFileSync(made.path, copies[0] ?? '');
      runTool('xfs_freeze', '-f', root);
      copyFileSync(made.path, copies[1] ?? '');
      runTool('xfs_freeze', '-u', root);
      runTool('mount', '-o', 'remount,ro', root);
      runTool('sync', '-f', root);
      copyFileSync(made.path, copies[2] ?? '');
    });
    const states = await Promise.all(copies.map(async (path) => (await opened(path)).files));
    expect(states.map(({ unclean }) => unclean)).toEqual([RECOVERY, RECOVERY, undefined]);
    expect(states.map((files) => files.usedRanges() === undefined)).toEqual([true, true, false]);
  });

  it('if its log is on another device, is empty, or torn', async () => {
    const made = make();
    const log = join(made.folder, 'log');
    runTool('truncate', '--size', '16M', log);
    const other = join(made.folder, 'other');
    runTool('truncate', '--size', '64M', other);
    runTool('env', ...SMALL_XFS, 'mkfs.xfs', '-q', '-l', `logdev=${log}`, other);
    expect((await opened(other)).files.unclean).toBe('its log is on another device');
    const { start, length } = logOf(made.path);
    const torn = join(made.folder, 'torn');
    copyFileSync(made.path, torn);
    patch(torn, start + 512 * 500, 4, (bytes) => bytes.writeUInt32BE(1));
    expect((await opened(torn)).files.unclean).toBe('its log needs recovery: its last write is not complete');
    patch(made.path, start, length, (bytes) => bytes.fill(0));
    expect((await opened(made.path)).files.unclean).toBe('its log is empty');
  });

  it('if xfs_repair must run first', async () => {
    const made = make();
    await patchSuperblock(made.path, (bytes) => bytes.writeUInt32BE(bytes.readUInt32BE(216) | 0x10, 216));
    const { files } = await opened(made.path);
    expect(files.unclean).toBe('it is marked for xfs_repair');
    expect(files.usedRanges()).toBeUndefined();
    expect(await files.readdir('/')).toEqual([]);
  });

  /** Offset and length of the log, in bytes. */
  function logOf(path: string): { start: number; length: number } {
    const printed = runTool(
      'xfs_db',
      '-r',
      '-c',
      'sb 0',
      '-c',
      'p logstart logblocks agblocks agblklog blocksize',
      path,
    );
    const [logStart = 0, blocks = 0, groupBlocks = 0, shift = 0, blockSize = 0] = [...printed.matchAll(/= (\d+)/g)].map(
      ([, digits]) => Number(digits),
    );
    const group = Math.floor(logStart / 2 ** shift);
    return { start: (group * groupBlocks + (logStart % 2 ** shift)) * blockSize, length: blocks * blockSize };
  }
});

describe.skipIf(NO_XFS !== undefined)(`XFS is refused with a reason ${NO_XFS ?? ''}`, () => {
  it.each<[string, (bytes: Buffer) => void, string]>([
    [
      'a metadata folder',
      (bytes) => bytes.writeUInt32BE(0x103, 216),
      'it has a metadata folder (metadir), which is not supported',
    ],
    ['zones', (bytes) => bytes.writeUInt32BE(0x603, 216), 'it has zones, gaps between zones, which is not supported'],
    [
      'an unknown feature',
      (bytes) => bytes.writeUInt32BE(0x40000003, 216),
      'it has incompatible features 0x40000000, which is not supported',
    ],
    [
      'another version',
      (bytes) => bytes.writeUInt16BE(0xb4a6, 100),
      'its version is 6; versions 4 and 5 are supported',
    ],
    [
      'another block size',
      (bytes) => bytes.writeUInt32BE(4097, 4),
      'its block size is 4097; it must be a power of two from 512 to 65536',
    ],
    [
      'more blocks than its volume',
      (bytes) => bytes.writeUInt32BE(20_000, 12),
      'its superblock contradicts itself: 4 groups of 4096 blocks do not have 20000 blocks',
    ],
    ['no end of mkfs.xfs', (bytes) => bytes.writeUInt8(1, 126), 'mkfs.xfs did not finish it'],
    [
      'a log outside of a group',
      (bytes) => bytes.writeUInt32BE(10_000, 96),
      'its superblock contradicts itself: its log is not inside a group',
    ],
    [
      'large folders',
      (bytes) => bytes.writeUInt8(5, 192),
      'its folders have blocks of 4096 × 2^5 bytes, more than 64 KiB',
    ],
  ])('with %s', async (_, change, message) => {
    const made = make();
    await patchSuperblock(made.path, change);
    await expect(opened(made.path)).rejects.toThrow(message);
  });

  it('with a wrong checksum, and on a volume that is cut off', async () => {
    const made = make();
    const short = join(made.folder, 'short');
    copyFileSync(made.path, short);
    runTool('truncate', '--size', '40M', short);
    await expect(opened(short)).rejects.toThrow(
      `it is larger than its volume: it has ${64 * MIB} of ${40 * MIB} bytes`,
    );
    patch(made.path, 300, 1, (bytes) => bytes.fill(1));
    await expect(opened(made.path)).rejects.toThrow('the checksum of its superblock is wrong');
    runTool('truncate', '--size', '100', short);
    await expect(opened(short)).rejects.toThrow('it is smaller than a superblock');
  });

  it('for a file on the realtime device', async () => {
    const made = make();
    made.mounted('', (root) => writeFileSync(join(root, 'file'), 'text'));
    runTool('xfs_db', '-x', '-c', 'path /file', '-c', 'write core.realtime 1', made.path);
    const { files } = await opened(made.path);
    await expect(files.read('/file', 0, 4)).rejects.toThrow('is on the realtime device, which is not read');
  });
});

describe.skipIf(NO_XFS !== undefined)(`the free space of XFS ${NO_XFS ?? ''}`, () => {
  it.each([
    ['read-only', 212],
    ['log', 220],
  ])('is not known with an unknown %s feature', async (_, offset) => {
    const made = make();
    await patchSuperblock(made.path, (bytes) => bytes.writeUInt32BE(bytes.readUInt32BE(offset) | 0x8000, offset));
    const { files } = await opened(made.path);
    expect(files.usedRanges()).toBeUndefined();
    expect(await files.readdir('/')).toEqual([]);
  });

  it.each<[string, string[], string]>([
    ['counters of the superblock', ['sb 0', 'write fdblocks 100'], 'free blocks, but its superblock counts 100'],
    ['counters of a group', ['agf 1', 'write -d freeblks 5'], 'free blocks, but counts 5'],
    ['the number of a group', ['agf 1', 'write -d seqno 2'], 'its group 1 has a header of group 2'],
    [
      'the order of free space',
      ['agf 1', 'addr bnoroot', 'write recs[1].startblock 0'],
      'its group 1 has free space at 0 that is not in order',
    ],
    [
      'one tree of two',
      ['agf 1', 'addr cntroot', 'write recs[1].startblock 11'],
      'the two trees of free space of its group 1 differ',
    ],
    ['the depth of a tree', ['agf 1', 'write bnolevel 2'], 'has the level 0, not 1'],
  ])('is refused before anything is shown as used: %s', async (_, commands, message) => {
    const made = make();
    runTool('xfs_db', '-x', ...commands.flatMap((command) => ['-c', command]), made.path);
    const { files } = await opened(made.path);
    const ranges = files.usedRanges();
    await expect(ranges?.[Symbol.asyncIterator]().next()).rejects.toThrow(message);
  });

  it('is refused if a part of the log is free', async () => {
    const made = make();
    const printed = runTool('xfs_db', '-r', '-c', 'sb 0', '-c', 'p logstart agblklog', made.path);
    const [logStart = 0, shift = 0] = [...printed.matchAll(/= (\d+)/g)].map(([, digits]) => Number(digits));
    const group = Math.floor(logStart / 2 ** shift);
    for (const tree of ['bnoroot', 'cntroot']) {
      const change = [
        '-c',
        `agf ${group}`,
        '-c',
        `addr ${tree}`,
        '-c',
        `write recs[1].startblock ${logStart % 2 ** shift}`,
      ];
      runTool('xfs_db', '-x', ...change, '-c', 'write recs[1].blockcount 1', made.path);
    }
    const { files } = await opened(made.path);
    await expect(collectRanges(files.usedRanges())).rejects.toThrow(
      `its group ${group} counts a part of the log as free`,
    );
  });

  it('has a wrong checksum', async () => {
    const made = make();
    const [free] = freeRanges(made.path).slice(-1);
    expect(free).toBeDefined();
    const printed = runTool('xfs_db', '-r', '-c', 'agf 3', '-c', 'addr bnoroot', '-c', 'daddr', made.path);
    const offset = Number(/is (\d+)/.exec(printed)?.[1]) * 512;
    patch(made.path, offset + 100, 1, (bytes) => bytes.fill(0xff));
    await expect(collectRanges((await opened(made.path)).files.usedRanges())).rejects.toThrow(
      `the block of free space at ${offset} has a wrong checksum`,
    );
  });
});
