// Logical volumes, FAT and exFAT: what is in use survives, also where old data fills everything else.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { MIB } from '../../../src/base/byte-range.ts';
import { convertImage } from '../../../src/convert/convert.ts';
import { diskWith, freeSpaceOfFile, reasonsOf } from '../../support/free-space.ts';
import { overwrite } from '../../support/guest-disk.ts';
import { runTool, shownBelow, TestVolume, whyNoMounts } from '../../support/loop-volume.ts';

const NO_LVM = whyNoMounts('pvcreate', 'vgcreate', 'lvcreate', 'pvs', 'mkfs.ext4', 'mkswap');
const NO_FAT = whyNoMounts('mkfs.vfat', 'mcopy', 'mdel', 'fsck.fat', 'partclone.fat', 'sfdisk');
const EXTENT = 4 * MIB;
const folder = mkdtempSync(join(tmpdir(), 'vhdup-other-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function withoutFree(image: string): Promise<string> {
  const output = join(folder, 'out.raw');
  await convertImage({ image, imageFormat: 'raw', output, format: 'raw', overwrite: true, skipFree: 'all' });
  return output;
}

describe.skipIf(NO_LVM !== undefined)(`a volume group ${NO_LVM ?? ''}`, () => {
  it('keeps its logical volumes, and loses their free blocks and its free extents', async () => {
    const disk = new TestVolume(256 * MIB);
    writeFileSync(disk.path, Buffer.alloc(256 * MIB, 'old data '));
    onTestFinished(() => disk.remove());
    const device = runTool('losetup', '--find', '--show', disk.path).trim();
    const filter = `devices { global_filter=["a|^${device}$|", "r|.*|"] use_devicesfile=0 }`;
    const name = `vhdupfree${process.pid}`;
    const run = (tool: string, ...args: string[]) => runTool(tool, '--config', filter, ...args);
    let ranges: Map<string, { first: number; count: number }[]>;
    try {
      run('pvcreate', '--quiet', device);
      run('vgcreate', '--quiet', name, device);
      const flags = ['--driverloaded', 'n', '-an', '-Zn', '-Wn'];
      run('lvcreate', ...flags, '-L', '64M', '-n', 'root', name);
      run('lvcreate', ...flags, '-L', '16M', '-n', 'swap', name);
      run('lvextend', '--driverloaded', 'n', '-L', '96M', `${name}/root`);
      ranges = rangesOf(run('pvs', '--noheadings', '--segments', '-o', 'lv_name,pvseg_start,pvseg_size', device));
    } finally {
      runTool('losetup', '--detach', device);
    }
    const start = MIB;
    const root = new TestVolume(96 * MIB);
    onTestFinished(() => root.remove());
    runTool('mkfs.ext4', '-q', '-F', root.path);
    root.mounted('', (mounted) => {
      for (let index = 0; index < 60; index++) {
        writeFileSync(join(mounted, `f${index}`), Buffer.alloc(400_000, index + 1));
      }
      for (let index = 0; index < 60; index += 2) rmSync(join(mounted, `f${index}`));
    });
    const swap = join(folder, 'swap');
    writeFileSync(swap, Buffer.alloc(16 * MIB, 'memory '));
    runTool('mkswap', swap);
    for (const [volume, path] of [
      ['root', root.path],
      ['swap', swap],
    ] as const) {
      let at = 0;
      const bytes = readFileSync(path);
      for (const { first, count } of ranges.get(volume) ?? []) {
        await overwrite(disk.path, start + first * EXTENT, bytes.subarray(at, at + count * EXTENT));
        at += count * EXTENT;
      }
      expect(at).toBe(bytes.length);
    }
    const free = await freeSpaceOfFile(disk.path);
    expect(reasonsOf(free)).toEqual(['', '', '']);
    expect(free.volumes.map(({ type }) => type)).toEqual(['lvm2', 'ext4', 'swap']);
    const used = [...ranges].reduce((sum, [volume, list]) => {
      return volume === '' ? sum : list.reduce((all, { count }) => all + count, sum);
    }, 0);
    expect(free.volumes[0]?.free).toBe((63 - used) * EXTENT);
    expect(free.volumes[1]?.free).toBeGreaterThan(40 * MIB);
    expect(free.volumes[2]?.pageFiles).toBe(16 * MIB - 4096);

    const out = readFileSync(await withoutFree(disk.path));
    const back = new TestVolume(96 * MIB);
    onTestFinished(() => back.remove());
    writeFileSync(
      back.path,
      Buffer.concat(
        (ranges.get('root') ?? []).map(({ first, count }) =>
          out.subarray(start + first * EXTENT, start + (first + count) * EXTENT),
        ),
      ),
    );
    runTool('e2fsck', '-fn', back.path);
    expect(back.mounted('ro', shownBelow)).toEqual(root.mounted('ro', shownBelow));
    expect(out.subarray(0, MIB).equals(readFileSync(disk.path).subarray(0, MIB))).toBe(true);
  });
});

/** By the name of the logical volume; empty for free extents. */
function rangesOf(segments: string): Map<string, { first: number; count: number }[]> {
  const ranges = new Map<string, { first: number; count: number }[]>();
  for (const line of segments.trim().split('\n')) {
    const [, name = '', first, count] = /^\s*(?:(\w+)\s+)?(\d+)\s+(\d+)\s*$/.exec(line) ?? [];
    ranges.set(name, [...(ranges.get(name) ?? []), { first: Number(first), count: Number(count) }]);
  }
  return ranges;
}

describe.skipIf(NO_FAT !== undefined)(`a FAT volume ${NO_FAT ?? ''}`, () => {
  it.each([
    ['16', 64],
    ['32', 160],
  ])('with %s bits keeps its files, and is used if a cluster of one is called free', async (bits, size) => {
    const volume = new TestVolume(size * MIB);
    onTestFinished(() => volume.remove());
    writeFileSync(volume.path, Buffer.alloc(size * MIB, 'old data '));
    runTool('mkfs.vfat', '-F', bits, '-s', '4', volume.path);
    const names = Array.from({ length: 120 }, (_, index) => `FILE${index}`);
    for (const [index, name] of names.entries()) {
      writeFileSync(join(folder, name), Buffer.alloc(20_000 + index * 997, index + 1));
    }
    runTool('mcopy', '-i', volume.path, ...names.map((name) => join(folder, name)), '::/');
    const deleted = names.filter((_, index) => index % 2 === 0);
    const kept = names.filter((_, index) => index % 2 === 1);
    runTool('mdel', '-i', volume.path, ...deleted.map((name) => `::/${name}`));
    const disk = await diskWith({ path: volume.path });
    const free = await freeSpaceOfFile(disk);
    expect(reasonsOf(free)).toEqual(['']);
    expect(free.map.bytes).toBeGreaterThan((size * MIB) / 2);
    const out = join(folder, 'fat.out');
    runTool('dd', `if=${await withoutFree(disk)}`, `of=${out}`, 'bs=1M', 'skip=1', `count=${size}`, 'status=none');
    runTool('fsck.fat', '-n', out);
    for (const name of kept) {
      const content = execFileSync('mtype', ['-i', out, `::/${name}`], { maxBuffer: MIB });
      expect(content.equals(readFileSync(join(folder, name))), name).toBe(true);
    }
    // The entry of the second cluster of a file, in both copies of the table.
    const bytes = readFileSync(volume.path);
    const [reserved, shortLength] = [bytes.readUInt16LE(14), bytes.readUInt16LE(22)];
    const length = (shortLength || bytes.readUInt32LE(36)) * 512;
    const at = bytes.indexOf(Buffer.alloc(2048, 4)) - dataOffset(bytes, length);
    const entry = (at / 2048 + 2 + 1) * (bits === '16' ? 2 : 4);
    const damaged = join(folder, 'damaged');
    copyFileSync(volume.path, damaged);
    for (const table of [0, 1]) {
      await overwrite(damaged, reserved * 512 + table * length + entry, Buffer.alloc(bits === '16' ? 2 : 4));
    }
    const refused = await freeSpaceOfFile(await diskWith({ path: damaged }));
    expect(reasonsOf(refused)[0]).toMatch(/the file at cluster \d+ is damaged: it leads to cluster 0/);
    expect(refused.map.bytes).toBe(0);
  });
});

function dataOffset(bytes: Buffer, tableLength: number): number {
  return bytes.readUInt16LE(14) * 512 + 2 * tableLength + Math.ceil((bytes.readUInt16LE(17) * 32) / 512) * 512;
}
