// Disks whose free space is not certain: everything in them is used, and the reason is told.
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertImage } from '../../../src/convert/convert.ts';
import { copyOf, diskWith, freeSpaceOfFile, reasonsOf } from '../../support/free-space.ts';
import { overwrite } from '../../support/guest-disk.ts';
import { runTool, TestVolume, whyNoMounts } from '../../support/loop-volume.ts';
import { lvmId, physicalVolume } from '../../support/lvm-builder.ts';
import { makeNtfsVolume, NO_NTFS_TOOLS } from '../../support/ntfs-volume.ts';
import { type MbrPartition, writeMbr } from '../../support/partition-table-builder.ts';
import { NO_SHARED_GUESTS, sharedGuests } from '../../support/shared-guests.ts';

const MIB = 1024 * 1024;
const NO_TOOLS = whyNoMounts('mkfs.ext4', 'mkfs.xfs', 'debugfs', 'sfdisk') ?? NO_NTFS_TOOLS;
const folder = mkdtempSync(join(tmpdir(), 'vhdup-refusals-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A volume that was filled, a part of it deleted, and unmounted. */
function volume(size: number, mkfs: readonly string[]): string {
  const test = new TestVolume(size * MIB);
  const [program = '', ...args] = mkfs;
  runTool(program, ...args, test.path);
  test.mounted('', (mounted) => {
    for (let index = 0; index < 40; index++)
      writeFileSync(join(mounted, `f${index}`), Buffer.alloc(150_000, index + 1));
    for (let index = 0; index < 40; index += 2) rmSync(join(mounted, `f${index}`));
  });
  const path = join(folder, `${program}-${size}-${args.join('')}`.replaceAll('/', ''));
  copyFileSync(test.path, path);
  test.remove();
  return path;
}

/** Files in which every second one was deleted. */
function fillNtfs(mounted: string): void {
  for (let index = 0; index < 40; index++) writeFileSync(join(mounted, `f${index}`), Buffer.alloc(150_000, index + 1));
  for (let index = 0; index < 40; index += 2) rmSync(join(mounted, `f${index}`));
}

async function expectUsed(path: string, ...reasons: readonly RegExp[]): Promise<void> {
  const free = await freeSpaceOfFile(path);
  expect(free.map.bytes).toBe(0);
  const found = reasonsOf(free);
  expect(found).toHaveLength(reasons.length);
  for (const [index, reason] of reasons.entries()) expect(found[index]).toMatch(reason);
}

describe.skipIf(NO_TOOLS !== undefined)(`a disk ${NO_TOOLS ?? ''}`, () => {
  let ext4: string;
  let xfs: string;
  let ntfs: string;
  beforeAll(() => {
    ext4 = volume(64, ['mkfs.ext4', '-q', '-F']);
    xfs = volume(320, ['mkfs.xfs', '-q', '-f']);
    ntfs = makeNtfsVolume({ folder, size: 64, mkntfs: [], fill: fillNtfs });
  });

  it('has the free space of clean file systems', async () => {
    const free = await freeSpaceOfFile(await diskWith({ path: ext4 }, { path: xfs }, { path: ntfs }));
    expect(reasonsOf(free)).toEqual(['', '', '']);
    expect(free.volumes.map(({ type }) => type)).toEqual(['ext4', 'xfs', 'ntfs']);
    for (const { size, used, free: bytes } of free.volumes) {
      expect(bytes).toBeGreaterThan(size / 3);
      expect(used + bytes).toBe(size);
    }
    expect(free.map.bytes).toBe(free.volumes.reduce((sum, one) => sum + one.free, 0));
  });

  it.each([
    ['ext4', () => ext4, /its journal needs recovery/],
    ['xfs', () => xfs, /its log needs recovery/],
  ])('with %s that is copied while it is mounted is used', async (_, source, reason) => {
    const test = new TestVolume(MIB);
    try {
      copyFileSync(source(), test.path);
      const copy = join(folder, 'mounted-copy');
      test.mounted('', (mounted) => {
        for (let index = 0; index < 30; index++) {
          const file = openSync(join(mounted, `synced${index}`), 'w');
          writeSync(file, Buffer.alloc(70_000, index + 1));
          fsyncSync(file);
          closeSync(file);
        }
        copyFileSync(test.path, copy);
      });
      await expectUsed(await diskWith({ path: copy }), reason);
      // The copy is what a machine would start from: its journal brings the files back.
      const check = new TestVolume(MIB);
      copyFileSync(copy, check.path);
      check.mounted('', (mounted) => expect(readFileSync(join(mounted, 'synced7'))).toEqual(Buffer.alloc(70_000, 8)));
      check.remove();
    } finally {
      test.remove();
    }
  });

  it('with a hibernated Windows or a suspended swap is used everywhere', async () => {
    const hibernated = makeNtfsVolume({
      folder,
      size: 64,
      mkntfs: [],
      fill: (mounted) => writeFileSync(join(mounted, 'hiberfil.sys'), `hibr${'x'.repeat(8000)}`),
    });
    await expectUsed(
      await diskWith({ path: hibernated }, { path: ext4 }),
      /hibernated/,
      /hibernated system is stored in partition 1/,
    );
    const swap = join(folder, 'suspended');
    writeFileSync(swap, Buffer.alloc(8 * MIB));
    runTool('mkswap', swap);
    await overwrite(swap, 4086, Buffer.from('S1SUSPEND\0'));
    await expectUsed(
      await diskWith({ path: ext4 }, { path: swap }),
      /hibernated/,
      /hibernated system is stored in partition 2/,
    );
  });

  it('with an NTFS that cannot be opened is used everywhere, since a system may be hibernated in it', async () => {
    const damaged = await copyOf(ntfs);
    await overwrite(damaged, 48, Buffer.alloc(8, 0x7f));
    const disk = await diskWith({ path: damaged }, { path: ext4 });
    const unknown = /whether a hibernated system is stored in partition 1 cannot be read/;
    await expectUsed(disk, unknown, unknown);
    const output = join(folder, 'damaged.raw');
    await convertImage({ image: disk, imageFormat: 'raw', output, format: 'raw', skipFree: 'all' });
    expect(readFileSync(output).equals(readFileSync(disk))).toBe(true);
  });

  it('with a suspended swap that looks like something else too is used everywhere', async () => {
    const swap = join(folder, 'suspended-and-more');
    writeFileSync(swap, Buffer.alloc(8 * MIB));
    runTool('mkswap', swap);
    await overwrite(swap, 4086, Buffer.from('S1SUSPEND\0'));
    await overwrite(swap, 0, Buffer.from('LUKS\xba\xbe\0\x01', 'latin1'));
    const active = /a hibernated system is stored in partition 2/;
    await expectUsed(await diskWith({ path: ext4 }, { path: swap }), active, active);
  });

  it('with an NTFS whose dirty flag is set is used', async () => {
    const dirty = await copyOf(ntfs);
    const { at } = attributeOf(readFileSync(dirty), 3, 0x70);
    await overwrite(dirty, at + 24 + 10, Buffer.from([1, 0]));
    await expectUsed(await diskWith({ path: dirty }), /its dirty flag is set/);
  });

  it('with an NTFS whose $Bitmap is cut off, or has a cleared bit, is used', async () => {
    const bytes = readFileSync(ntfs);
    const { at, length } = attributeOf(bytes, 6, 0x80);
    const cut = await copyOf(ntfs);
    const half = Buffer.alloc(8);
    half.writeBigUInt64LE(bytes.readBigUInt64LE(at + 48) / 2n);
    await overwrite(cut, at + 48, half);
    await overwrite(cut, at + 56, half);
    await expectUsed(await diskWith({ path: cut }), /its \$Bitmap has \d+ bytes for \d+ clusters/);
    expect(length).toBeGreaterThan(64);
    const map = execFileSync('ntfscat', ['-f', ntfs, '$Bitmap'], { maxBuffer: bytes.length });
    const place = bytes.indexOf(map.subarray(0, 1024));
    const cluster = bytes.indexOf(Buffer.alloc(4096, 8)) / 4096;
    const cleared = await copyOf(ntfs);
    const value = (bytes[place + (cluster >> 3)] ?? 0) & ~(1 << (cluster & 7));
    await overwrite(cleared, place + (cluster >> 3), Buffer.from([value]));
    await expectUsed(await diskWith({ path: cleared }), /\$Bitmap calls clusters from \d+ on free/);
  });

  it('with an ext4 or XFS in which used blocks are called free is used', async () => {
    const freed = await copyOf(ext4);
    const block = Number(/\(0[^)]*\):(\d+)/.exec(runTool('debugfs', '-R', 'stat /f7', ext4))?.[1]);
    expect(block).toBeGreaterThan(0);
    runTool('debugfs', '-w', '-R', `freeb ${block}`, freed);
    await expectUsed(await diskWith({ path: freed }), /contradicts itself|free/);
    const bitmap = Number(/Block bitmap at (\d+)/.exec(runTool('dumpe2fs', ext4))?.[1]);
    const patched = await copyOf(ext4);
    const size = Number(/Block size:\s+(\d+)/.exec(runTool('dumpe2fs', '-h', ext4))?.[1]);
    await overwrite(patched, bitmap * size + 200, Buffer.from([0]));
    await expectUsed(await diskWith({ path: patched }), /the checksum of the block bitmap of group 0 is wrong/);
    // The first record of the free space of group 0.
    const root = readFileSync(xfs).readUInt32BE(512 + 16);
    const tree = await copyOf(xfs);
    await overwrite(tree, root * 4096 + 56 + 3, Buffer.from([1]));
    await expectUsed(await diskWith({ path: tree }), /has a wrong checksum/);
  });

  it.each([
    ['ext4', () => ext4, 48],
    ['xfs', () => xfs, 200],
    ['ntfs', () => ntfs, 48],
  ])('with %s that is larger than its partition is used', async (_, source, size) => {
    await expectUsed(await diskWith({ path: source(), size }), /but|larger than its volume/);
  });

  it('with partitions that overlap, or a boot record in one of them, is used', async () => {
    const inPartition = (partitions: readonly MbrPartition[], chain: readonly MbrPartition[] = []) => {
      const disk = Buffer.alloc(160 * MIB);
      readFileSync(ext4).copy(disk, MIB);
      writeMbr(disk, partitions);
      const extended = partitions.find(({ type }) => type === 5);
      if (extended !== undefined) writeMbr(disk, chain, extended.first * 512);
      const path = join(folder, 'overlapping');
      writeFileSync(path, disk);
      return path;
    };
    const first = { slot: 1, type: 0x83, first: 2048, count: 64 * 2048 };
    expect((await freeSpaceOfFile(inPartition([first]))).map.bytes).toBeGreaterThan(20 * MIB);
    const other = { slot: 2, type: 0x83, first: 32 * 2048, count: 64 * 2048 };
    await expectUsed(
      inPartition([first, other]),
      /partition table is not certain: Partition 2 begins at/,
      /Partition 2 begins at/,
    );
    // The partition inside of the extended one is apart from the first, but its boot record is not.
    const extended = { slot: 2, type: 5, first: 64 * 2048, count: 64 * 2048 };
    const logical = { slot: 1, type: 0x83, first: 2 * 2048, count: 8 * 2048 };
    await expectUsed(
      inPartition([first, extended], [logical]),
      /boot record|extended partition/,
      /boot record|extended/,
    );
    const apart = inPartition([first, { ...extended, first: 70 * 2048 }], [logical]);
    expect((await freeSpaceOfFile(apart)).map.bytes).toBeGreaterThan(20 * MIB);
  });

  it('with partitions that are left whole, or whose contents are not known, is used', async () => {
    const zeros = join(folder, 'zeros');
    writeFileSync(zeros, Buffer.alloc(MIB));
    const [bitlocker, luks, raid] = ['bitlocker', 'luks', 'raid'].map((name) => join(folder, name));
    writeFileSync(
      bitlocker ?? '',
      Buffer.concat([Buffer.from('\xeb\x58\x90-FVE-FS-', 'latin1'), Buffer.alloc(MIB - 11)]),
    );
    writeFileSync(luks ?? '', Buffer.concat([Buffer.from('LUKS\xba\xbe\0\x02', 'latin1'), Buffer.alloc(MIB - 8)]));
    // Version 1.0 of the metadata: 8 KiB before the end.
    const member = Buffer.from(readFileSync(ext4));
    member.writeUInt32LE(0xa92b4efc, member.length - 8192);
    member.writeUInt32LE(1, member.length - 8192 + 4);
    writeFileSync(raid ?? '', member);
    const disk = await diskWith(
      { path: ext4, type: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B' },
      { path: ext4, type: '5808C8AA-7E8F-42E0-85D2-E1E90434CFB3' },
      { path: ext4, type: 'E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D' },
      { path: bitlocker ?? '' },
      { path: luks ?? '' },
      { path: raid ?? '' },
      { path: zeros },
      { path: zeros, type: 'E3C9E316-0B5C-4DB8-817D-F92DF00215AE' },
    );
    await expectUsed(
      disk,
      /EFI system partition is left whole/,
      /dynamic disks and Storage Spaces/,
      /dynamic disks and Storage Spaces/,
      /free space of BitLocker encryption is not read/,
      /free space of LUKS2 encryption is not read/,
      /member of a Linux RAID/,
      /not recognised/,
      /reserved partition is left whole/,
    );
  });

  it('with the signatures of two file systems is used', async () => {
    const both = await copyOf(ext4);
    await overwrite(both, 64 * 1024 + 64, Buffer.from('_BHRfS_M'));
    await expectUsed(await diskWith({ path: both }), /it looks like ext4, and like Btrfs/);
  });

  it('with an ext4 whose journal holds transactions is used, although its superblock denies it', async () => {
    const test = new TestVolume(MIB);
    copyFileSync(ext4, test.path);
    const copy = join(folder, 'denied');
    test.mounted('', (mounted) => {
      mkdirSync(join(mounted, 'new'));
      runTool('sync', '-f', mounted);
      copyFileSync(test.path, copy);
    });
    test.remove();
    runTool('debugfs', '-w', '-R', 'feature -needs_recovery', copy);
    await expectUsed(await diskWith({ path: copy }), /its journal has transactions that need recovery/);
  });

  it('with an LV that has a snapshot, or whose group is on another disk too, is used', async () => {
    const small = join(folder, 'small-ext2');
    writeFileSync(small, Buffer.alloc(200 * 1024));
    runTool('mke2fs', '-q', '-F', '-t', 'ext2', '-b', '1024', small);
    const inVolume = (text: string) => {
      const disk = physicalVolume(1, text).bytes;
      readFileSync(small).copy(disk, 64 * 1024);
      const path = join(folder, 'pv');
      writeFileSync(path, Buffer.concat([disk, Buffer.alloc(MIB - (disk.length % MIB))]));
      return path;
    };
    const known = await freeSpaceOfFile(await diskWith({ path: inVolume(groupText({})) }));
    expect(reasonsOf(known)).toEqual(['', '']);
    expect(known.volumes.map(({ free }) => free > 0)).toEqual([true, true]);
    await expectUsed(await diskWith({ path: inVolume(groupText({ snapshot: true })) }), /snapshots/, /snapshots/);
    await expectUsed(
      await diskWith({ path: inVolume(groupText({ other: true })) }),
      /is not on this disk/,
      /is not on this disk/,
    );
  });
});

describe.skipIf(sharedGuests === undefined)(`a Windows volume with shadow copies ${NO_SHARED_GUESTS}`, () => {
  it('is used', async () => {
    const image = join(folder, 'shadow-copies');
    execFileSync('qemu-img', ['convert', '-O', 'raw', join(sharedGuests ?? '', 'plaso/vsstest.qcow2'), image]);
    await expectUsed(image, /it has shadow copies/);
  });
});

/** Where an attribute of a file record is. */
function attributeOf(bytes: Buffer, record: number, type: number): { at: number; length: number } {
  const cluster = bytes.readUInt16LE(11) * bytes.readUInt8(13);
  const start = Number(bytes.readBigUInt64LE(48)) * cluster + record * 1024;
  for (let at = start + bytes.readUInt16LE(start + 20); at < start + 1024; at += bytes.readUInt32LE(at + 4)) {
    if (bytes.readUInt32LE(at) === type) return { at, length: bytes.readUInt32LE(at + 4) };
  }
  throw new Error(`Record ${record} has no attribute ${type}.`);
}

/** A group with one logical volume of 50 extents of 4 KiB. */
function groupText({ snapshot = false, other = false }): string {
  const lv = (name: string, number: number, first: number, count: number) =>
    `${name} { id = "${lvmId(number)}" status = ["READ", "WRITE", "VISIBLE"] flags = [] segment_count = 1
    segment1 { start_extent = 0 extent_count = ${count} type = "striped" stripe_count = 1 stripes = ["pv0", ${first}] } }`;
  const shot = `snapshot0 { id = "${lvmId(9)}" status = ["READ", "WRITE"] flags = [] segment_count = 1
    segment1 { start_extent = 0 extent_count = 50 type = "snapshot" chunk_size = 8 origin = "root" cow_store = "store" } }`;
  const pv = (name: string, number: number) =>
    `${name} { id = "${lvmId(number)}" pe_start = 128 pe_count = 64 status = ["ALLOCATABLE"] flags = [] }`;
  return `vg { id = "${lvmId(7)}" seqno = 3 format = "lvm2" status = ["RESIZEABLE", "READ", "WRITE"] extent_size = 8
  physical_volumes { ${pv('pv0', 1)} ${other ? pv('pv1', 2) : ''} }
  logical_volumes { ${lv('root', 11, 0, 50)} ${snapshot ? `${lv('store', 12, 50, 4)} ${shot}` : ''} } }`;
}
