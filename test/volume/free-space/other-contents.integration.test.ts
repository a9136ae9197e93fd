// Superblocks of an earlier use: whatever lies over them now is kept as it is.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIB } from '../../../src/base/byte-range.ts';
import { convertImage } from '../../../src/convert/convert.ts';
import { copyOf, diskWith, freeSpaceOfFile, reasonsOf } from '../../support/free-space.ts';
import { hasTool, NO_DISK_TOOLS, overwrite, tool } from '../../support/guest-disk.ts';
import { groupText, linear, logical, physicalVolume } from '../../support/lvm-builder.ts';

const SKIPPED = NO_DISK_TOOLS ?? (hasTool('mkfs.btrfs') ? undefined : 'mkfs.btrfs is not installed');
const LVM_START = 64 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'vhdup-other-contents-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A new volume over old data, all of which is lost if the volume's own bitmaps count. */
async function made(size: number, program: string, ...args: readonly string[]): Promise<string> {
  const path = join(folder, `${program}-${args.join('')}`);
  writeFileSync(path, Buffer.alloc(size * MIB, 'data of another use '));
  await tool(program, [...args, path]);
  return path;
}

/** What a conversion with --skip-free writes. */
async function converted(image: string): Promise<Buffer> {
  const output = join(folder, 'out.raw');
  await convertImage({ image, imageFormat: 'raw', output, format: 'raw', overwrite: true, skipFree: 'all' });
  return readFileSync(output);
}

async function expectKept(image: string, ...reasons: readonly RegExp[]): Promise<void> {
  const found = reasonsOf(await freeSpaceOfFile(image));
  expect(found).toEqual(reasons.map((reason) => expect.stringMatching(reason)));
  expect((await converted(image)).equals(readFileSync(image))).toBe(true);
}

async function withTable(path: string, script: string): Promise<string> {
  const copy = await copyOf(path);
  await tool('sfdisk', ['--quiet', '--wipe=never', '--wipe-partitions=never', copy], script);
  return copy;
}

describe.skipIf(SKIPPED !== undefined)(`a superblock ${SKIPPED ?? ''}`, () => {
  let ext4: string;
  let btrfs: string;
  let swap: string;
  beforeAll(async () => {
    ext4 = await made(32, 'mkfs.ext4', '-q', '-F', '-E', 'nodiscard');
    btrfs = await made(128, 'mkfs.btrfs', '-q', '-f', '--nodiscard');
    swap = await made(16, 'mkswap');
  });

  it('counts if nothing contradicts it', async () => {
    const free = await freeSpaceOfFile(await diskWith({ path: ext4 }, { path: btrfs }, { path: swap }));
    expect(reasonsOf(free)).toEqual(['', '', '']);
    expect(free.volumes.every(({ free: bytes, pageFiles }) => bytes + pageFiles > 8 * MIB)).toBe(true);
  });

  it('counts if a boot loader is in front of it', async () => {
    for (const path of [ext4, btrfs]) {
      const boot = await copyOf(path);
      await overwrite(boot, 0, Buffer.concat([Buffer.from('eb63909090', 'hex'), Buffer.alloc(400, 0x5a)]));
      await overwrite(boot, 510, Buffer.from('55aa', 'hex'));
      expect(reasonsOf(await freeSpaceOfFile(await diskWith({ path: boot })))).toEqual(['']);
    }
  });

  it.each([
    ['ext4', () => ext4, 'label: dos\nstart=2048, type=83\n', /like ext4, and like a disk with partitions/],
    ['btrfs', () => btrfs, 'label: dos\nstart=2048, type=7, bootable\n', /like Btrfs, and like a disk with partitions/],
    ['btrfs', () => btrfs, 'label: gpt\nstart=2048\n', /like Btrfs, and like a disk with partitions/],
    ['swap', () => swap, 'label: dos\nstart=2048, type=83\n', /like Linux swap, and like a disk with partitions/],
  ])('of %s does not count below the partition table of a nested disk', async (_, source, script, reason) => {
    await expectKept(await diskWith({ path: await withTable(source(), script) }), reason);
  });

  it('does not count below a GPT without a protective MBR', async () => {
    const nested = await withTable(btrfs, 'label: gpt\nstart=2048\n');
    await overwrite(nested, 0, Buffer.alloc(512));
    await expectKept(await diskWith({ path: nested }), /like Btrfs, and like a disk with a GPT/);
  });

  it.each([
    [424, '3bd66749292ed84a8399f6a339e3d001', 'BitLocker To Go'],
    [512, '57455682', 'a disk of a BSD'],
    [516, Buffer.from('!Stra0tis').toString('hex'), 'a Stratis device'],
    [4120, 'c68573f64e1a45ca8265f57f48ba6d81', 'a bcache device'],
    [4120, 'c68573f666ce90a9d96a60cf803df7ef', 'bcachefs'],
    [8192, Buffer.from('OCFSV2').toString('hex'), 'OCFS2'],
    [32_768, Buffer.from('JFS1').toString('hex'), 'JFS'],
    [65_588, Buffer.from('ReIsEr2Fs').toString('hex'), 'ReiserFS'],
    [65_536, '01161970', 'GFS2'],
    [1_048_576, '0dd001c0', 'VMFS'],
    [32 * MIB - 4096 + 60, '8374026d', 'DRBD'],
  ])('does not count if %d has %s: %s', async (at, hex, name) => {
    const other = await copyOf(ext4);
    await overwrite(other, at, Buffer.from(hex, 'hex'));
    await expectKept(await diskWith({ path: other }), new RegExp(name));
  });

  it('does not count behind sectors that are not those of a boot loader', async () => {
    for (const [at, path] of [
      [0, ext4],
      [900, ext4],
      [0, btrfs],
    ] as const) {
      const other = await copyOf(path);
      await overwrite(other, at, Buffer.from('ORCLDISK'));
      await expectKept(await diskWith({ path: other }), /begins with something that is not known/);
    }
  });

  it('of swap does not count behind anything but zeros, or in a partition for dm-crypt', async () => {
    const other = await copyOf(swap);
    await overwrite(other, 700, Buffer.from('x'));
    await expectKept(await diskWith({ path: other, type: 'S' }), /something else is stored before its swap header/);
    const encrypted = { path: swap, type: '7FFEC5C9-2D00-49B7-8941-3EA10A5586B7' };
    await expectKept(await diskWith(encrypted), /it is encrypted/);
  });

  it('does not count in a logical volume that is, or whose physical volume is, a nested disk', async () => {
    const group = groupText([1], [logical('guest', [linear(0, 50, 'pv0', 0)])]);
    const small = join(folder, 'small');
    writeFileSync(small, Buffer.alloc(200 * 1024));
    await tool('mke2fs', ['-q', '-F', '-t', 'ext2', '-b', '1024', small]);
    const inVolume = async (tableAt?: number) => {
      const bytes = physicalVolume(1, group).bytes;
      readFileSync(small).copy(bytes, LVM_START);
      const path = join(folder, 'physical');
      writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(MIB - bytes.length, 'data of another use ')]));
      if (tableAt !== undefined) {
        await overwrite(path, tableAt + 446, Buffer.from('00000000830000000800000000010000', 'hex'));
        await overwrite(path, tableAt + 510, Buffer.from('55aa', 'hex'));
      }
      return await diskWith({ path });
    };
    expect(reasonsOf(await freeSpaceOfFile(await inVolume()))).toEqual(['', '']);
    const nested = await inVolume(LVM_START);
    const free = await freeSpaceOfFile(nested);
    expect(reasonsOf(free)).toEqual(['', expect.stringMatching(/like ext2, and like a disk with partitions/)]);
    const volume = [MIB + LVM_START, MIB + LVM_START + 200 * 1024] as const;
    expect((await converted(nested)).subarray(...volume).equals(readFileSync(nested).subarray(...volume))).toBe(true);
    await expectKept(
      await inVolume(0),
      /like LVM2 physical volume, and like a disk with partitions/,
      /partition 1 holds it, and is not certain: .*like a disk with partitions/,
    );
  });
});

describe.skipIf(SKIPPED !== undefined || !hasTool('mkfs.exfat'))('an exFAT', () => {
  it('whose up-case table is marked as free is kept', async () => {
    const path = await made(16, 'mkfs.exfat');
    expect(reasonsOf(await freeSpaceOfFile(await diskWith({ path })))).toEqual(['']);
    const bytes = readFileSync(path);
    const sectorSize = 1 << bytes.readUInt8(108);
    const offsetOf = (cluster: number) =>
      bytes.readUInt32LE(88) * sectorSize + (cluster - 2) * (sectorSize << bytes.readUInt8(109));
    const root = offsetOf(bytes.readUInt32LE(96));
    const entry = (type: number) => {
      for (let at = root; ; at += 32) if (bytes.readUInt8(at) === type) return bytes.readUInt32LE(at + 20);
    };
    const index = entry(0x82) - 2;
    const at = offsetOf(entry(0x81)) + (index >> 3);
    await overwrite(path, at, Buffer.from([bytes.readUInt8(at) & ~(1 << (index & 7))]));
    await expectKept(await diskWith({ path }), /the allocation bitmap calls a cluster of the up-case table free/);
  });
});
