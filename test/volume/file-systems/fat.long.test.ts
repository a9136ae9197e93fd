// FAT as mkfs.fat and mtools make it, compared with the files that were copied into it.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openFat } from '../../../src/volume/file-systems/fat/open-fat.ts';
import { NO_DISK_TOOLS, overwrite, tool } from '../../support/guest-disk.ts';
import { volumeOfFile } from '../../support/memory-volume.ts';
import { expectSameFiles, newImage } from '../../support/mounted-volume.ts';
import { collectRanges, overwriteUnused } from '../../support/volume-ranges.ts';

const run = promisify(execFile);

/** Fills a folder: long names, a large folder, files of all lengths around a cluster. */
async function sourceTree(count: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vhdup-fat-'));
  onTestFinished(async () => await rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'EFI/BOOT'), { recursive: true });
  await mkdir(join(folder, 'a folder with a long name/within'), { recursive: true });
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff));
  for (const length of [0, 1, 511, 512, 513, 2047, 2048, 4096, 100_000]) {
    await writeFile(join(folder, `a folder with a long name/within/length-${length}`), bytes.subarray(0, length));
  }
  for (let index = 0; index < count; index++) {
    await writeFile(join(folder, `EFI/BOOT/Loader entry number ${index}.conf`), `options ${index}\n`);
  }
  for (const name of ['UPPER.TXT', 'lower.txt', 'MiXed.txt', 'größe ÄÖ.bin', '12345678.123', 'x'.repeat(200)]) {
    await writeFile(join(folder, name), name);
  }
  return folder;
}

/** Copies the folder after other files, which are deleted again: the clusters are in pieces. */
async function copyInto(image: string, folder: string): Promise<void> {
  const fillers = Array.from({ length: 20 }, (_, index) => join(folder, `../filler-${index}`));
  const scratch = await mkdtemp(join(tmpdir(), 'vhdup-fat-'));
  onTestFinished(async () => await rm(scratch, { recursive: true, force: true }));
  const paths = fillers.map((_, index) => join(scratch, `filler-${index}`));
  for (const path of paths) await writeFile(path, Buffer.alloc(5000, 0x66));
  await tool('mcopy', ['-i', image, ...paths, '::/']);
  await tool('mdel', [
    '-i',
    image,
    ...paths.filter((_, index) => index % 2 === 0).map((path) => `::/${path.split('/').at(-1)}`),
  ]);
  await run('bash', ['-euc', 'mcopy -s -i "$1" "$2"/* ::/', 'copy', image, folder], {
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  await tool('mdel', ['-i', image, '::/filler*']);
}

describe.skipIf(NO_DISK_TOOLS !== undefined)(`openFat ${NO_DISK_TOOLS ?? ''}`, () => {
  it.each([
    ['FAT12 with clusters of 512 bytes', 2, ['-F', '12', '-s', '1'], 20],
    ['FAT16 with sectors of 4 KiB', 20, ['-F', '16', '-S', '4096', '-s', '1'], 60],
    ['FAT32', 34, ['-F', '32', '-s', '1'], 60],
    ['one table only', 5, ['-F', '16', '-s', '1', '-f', '1'], 20],
  ])('reads the files that were copied, and knows what is free: %s', async (_, size, mkfs, count) => {
    const path = await newImage(size);
    await tool('mkfs.vfat', [...mkfs, path]);
    const folder = await sourceTree(count);
    await copyInto(path, folder);
    const files = await openFat(await volumeOfFile(path));
    expect(files.unclean).toBeUndefined();
    expect(await expectSameFiles(files, folder)).toBeGreaterThan(count);

    const used = await collectRanges(files.usedRanges());
    const free = await overwriteUnused(path, used);
    const [, clustersUsed, clusters] = /(\d+)\/(\d+) clusters/.exec(await tool('fsck.vfat', ['-n', path])) ?? [];
    const again = await openFat(await volumeOfFile(path));
    await expectSameFiles(again, folder);
    const clusterSize = (await readFile(path)).readUInt16LE(11) * (await readFile(path)).readUInt8(13);
    expect(free).toBe((Number(clusters) - Number(clustersUsed)) * clusterSize);
  });

  it('finds names without case, and by their short names', async () => {
    const path = await newImage(4);
    await tool('mkfs.vfat', ['-F', '12', path]);
    await copyInto(path, await sourceTree(1));
    const files = await openFat(await volumeOfFile(path));
    for (const name of ['/efi/boot', '/AFOLDE~1/WITHIN', '/A Folder With A Long Name', '/GRÖSSE äö.bin']) {
      expect([name, (await files.stat(name))?.kind]).toEqual([name, name.startsWith('/GR') ? undefined : 'folder']);
    }
    expect(await files.stat('/GRÖßE äö.BIN')).toMatchObject({ kind: 'file' });
    expect(await files.stat('/UPPER.TXT/x')).toBeUndefined();
    await expect(files.read('/EFI', 0, 1)).rejects.toThrow('/EFI is not a file');
    await expect(files.readlink('/EFI')).rejects.toThrow('FAT has none');
    expect(await files.read('/UPPER.TXT', 6, 100)).toEqual(new Uint8Array(Buffer.from('TXT')));
    expect(await files.read('/UPPER.TXT', 100, 100)).toHaveLength(0);
  });

  it('takes nothing for free after it was not unmounted, or where its two tables differ', async () => {
    const path = await newImage(24);
    await tool('mkfs.vfat', ['-F', '16', path]);
    const start = (await readFile(path)).readUInt16LE(14) * 512;
    await overwrite(path, start + 100, Buffer.from([1]));
    const differing = await openFat(await volumeOfFile(path));
    await expect(collectRanges(differing.usedRanges())).rejects.toThrow('the copies of its allocation table differ');
    await overwrite(path, start + 3, Buffer.from([0x7f]));
    const dirty = await openFat(await volumeOfFile(path));
    expect(dirty.unclean).toBe('it was not unmounted');
    expect(dirty.usedRanges()).toBeUndefined();
  });

  it.each([
    [40, 0x80, 'only one of its allocation tables is in use'],
    [42, 1, 'it has version 0x1 of FAT32'],
    [36, 1, 'its table has 128 entries'],
    [510, 0, 'its boot sector is damaged'],
  ])('refuses a FAT32 with the byte at %i set to %i', async (at, value, reason) => {
    const path = await newImage(34);
    await tool('mkfs.vfat', ['-F', '32', '-s', '1', path]);
    await overwrite(path, at, Buffer.from([value, 0]));
    await expect(openFat(await volumeOfFile(path))).rejects.toThrow(reason);
  });

  it.each([
    ['a circle', 2, 'its clusters lead in a circle'],
    ['a cluster that does not exist', 0xfff0, 'it leads to cluster 65520'],
    ['a free cluster', 0, 'it leads to cluster 0'],
    ['a bad cluster', 0xfff7, 'it leads to a bad cluster'],
    ['an early end', 0xffff, 'its clusters end after'],
  ])('refuses a file whose clusters lead to %s', async (_, entry, reason) => {
    const path = await newImage(24);
    await tool('mkfs.vfat', ['-F', '16', path]);
    const file = `${path}.file`;
    await writeFile(file, Buffer.alloc(100_000, 1));
    await tool('mcopy', ['-i', path, file, '::/a']);
    const start = (await readFile(path)).readUInt16LE(14) * 512;
    await overwrite(path, start + 2 * 4, Buffer.from([entry & 0xff, entry >> 8]));
    const files = await openFat(await volumeOfFile(path));
    expect(await files.stat('/a')).toEqual({ kind: 'file', size: 100_000 });
    await expect(files.read('/a', 0, 100_000)).rejects.toThrow(reason);
  });
});
