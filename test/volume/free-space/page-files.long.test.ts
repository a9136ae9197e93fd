// The contents of page, hibernation and swap files: left out only where they are certainly that.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { convertImage } from '../../../src/convert/convert.ts';
import { diskWith, freeSpaceOfFile, reasonsOf } from '../../support/free-space.ts';
import { overwrite } from '../../support/guest-disk.ts';
import { buildHive, dword, multiSz } from '../../support/hive-builder.ts';
import { runTool, TestVolume, whyNoMounts } from '../../support/loop-volume.ts';
import { makeNtfsVolume, NO_NTFS_TOOLS, withMount } from '../../support/ntfs-volume.ts';

const MIB = 1024 * 1024;
const NO_TOOLS = whyNoMounts('mkfs.ext4', 'mkfs.xfs', 'mkfs.btrfs', 'btrfs', 'mkswap', 'sfdisk') ?? NO_NTFS_TOOLS;
const HIDDEN_AND_SYSTEM = '0x00000006';
const folder = mkdtempSync(join(tmpdir(), 'vhdup-page-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Old memory. */
function memory(length: number, beginning = 'old memory'): Buffer {
  const bytes = Buffer.alloc(length, 'secret of a process ');
  bytes.write(beginning, 0, 'latin1');
  return bytes;
}

/** A SYSTEM hive whose Windows has these page files. */
function systemHive(...pagingFiles: string[]): Buffer {
  const management = { values: { PagingFiles: multiSz(...pagingFiles) } };
  const manager = { keys: { 'Session Manager': { keys: { 'Memory Management': management } } } };
  return buildHive({
    keys: { Select: { values: { Current: dword(1) } }, ControlSet001: { keys: { Control: manager } } },
  });
}

interface PageFiles {
  /** Contents by name. */
  readonly files: Readonly<Record<string, Buffer>>;
  /** Names that are not hidden system files. */
  readonly plain?: readonly string[];
  readonly hive?: Buffer;
}

async function ntfsWith({ files, plain = [], hive }: PageFiles): Promise<string> {
  const fill = (mounted: string) => {
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(mounted, name), content);
      if (!plain.includes(name)) {
        execFileSync('setfattr', ['-h', '-n', 'system.ntfs_attrib_be', '-v', HIDDEN_AND_SYSTEM, join(mounted, name)]);
      }
    }
    if (hive === undefined) return;
    mkdirSync(join(mounted, 'Windows/System32/config'), { recursive: true });
    writeFileSync(join(mounted, 'Windows/System32/config/SYSTEM'), hive);
  };
  return await diskWith({ path: makeNtfsVolume({ folder, size: 32, mkntfs: [], fill }) });
}

async function pageFilesIn(disk: string): Promise<number> {
  const free = await freeSpaceOfFile(disk);
  expect(reasonsOf(free)).toEqual(['']);
  return free.volumes[0]?.pageFiles ?? -1;
}

describe.skipIf(NO_TOOLS !== undefined)(`page files ${NO_TOOLS ?? ''}`, () => {
  it('of a disk without Windows are left out by name and attributes', async () => {
    const files = {
      'pagefile.sys': memory(2 * MIB),
      'swapfile.sys': memory(MIB),
      'hiberfil.sys': memory(MIB, 'wake'),
      'other.sys': memory(MIB),
    };
    const disk = await ntfsWith({ files });
    expect(await pageFilesIn(disk)).toBe(4 * MIB - 4096);
    const kept = await freeSpaceOfFile(disk, 'free');
    expect(kept.volumes[0]?.pageFiles).toBe(0);
    expect(kept.map.bytes).toBe((await freeSpaceOfFile(disk)).map.bytes - (4 * MIB - 4096));
    expect(await pageFilesIn(await ntfsWith({ files, plain: ['pagefile.sys', 'hiberfil.sys'] }))).toBe(MIB);
  });

  it('stay files of the same size, and everything else is the same', async () => {
    const files = { 'pagefile.sys': memory(2 * MIB), 'hiberfil.sys': memory(MIB, 'wake'), data: memory(MIB) };
    const disk = await ntfsWith({ files });
    const output = join(folder, 'out.raw');
    await convertImage({ image: disk, imageFormat: 'raw', output, format: 'raw', skipFree: 'all' });
    const volume = join(folder, 'out.volume');
    runTool('dd', `if=${output}`, `of=${volume}`, 'bs=1M', 'skip=1', 'count=32', 'status=none');
    runTool('ntfsfix', '-n', volume);
    const shown = withMount(volume, 'ro', (mounted) =>
      Object.fromEntries(
        ['pagefile.sys', 'hiberfil.sys', 'data'].map((name) => [
          name,
          execFileSync('cat', [join(mounted, name)], { maxBuffer: 8 * MIB }),
        ]),
      ),
    );
    expect(shown['pagefile.sys']?.equals(Buffer.alloc(2 * MIB))).toBe(true);
    expect(shown['hiberfil.sys']?.subarray(0, 4096).equals(files['hiberfil.sys'].subarray(0, 4096))).toBe(true);
    expect(shown['hiberfil.sys']?.subarray(4096).equals(Buffer.alloc(MIB - 4096))).toBe(true);
    expect(shown['data']?.equals(files.data)).toBe(true);
  });

  it.each([
    ['?:\\pagefile.sys', 2 * MIB],
    ['C:\\PageFile.sys 4096 8192', 2 * MIB],
    ['\\??\\C:\\pagefile.sys', 2 * MIB],
    ['D:\\other.sys', 0],
    ['', 0],
  ])('of a Windows that has %j are left out: %d bytes', async (entry, bytes) => {
    const files = { 'pagefile.sys': memory(2 * MIB) };
    expect(await pageFilesIn(await ntfsWith({ files, hive: systemHive(entry) }))).toBe(bytes);
  });

  it('are kept if they hold a crash dump, or if the registry cannot be read', async () => {
    const dump = { 'pagefile.sys': memory(2 * MIB, 'PAGEDU64') };
    expect(await pageFilesIn(await ntfsWith({ files: dump }))).toBe(0);
    expect(await pageFilesIn(await ntfsWith({ files: { 'pagefile.sys': memory(MIB, 'PAGEDUMP') } }))).toBe(0);
    const files = { 'pagefile.sys': memory(2 * MIB) };
    expect(await pageFilesIn(await ntfsWith({ files, hive: Buffer.alloc(8192, 1) }))).toBe(0);
  });

  it('are kept if another file has a cluster of them', async () => {
    const files = { 'pagefile.sys': memory(2 * MIB), victim: memory(MIB, 'victim') };
    const disk = await ntfsWith({ files });
    // Both records have one run: the victim is moved into the page file.
    const image = readFileSync(disk);
    const start = MIB;
    const runsOf = (name: string) => {
      const at = image.indexOf(Buffer.from(name, 'utf16le'), start);
      const record = at - (at % 1024);
      const data = image.indexOf(Buffer.from([0x80, 0, 0, 0]), record + 56);
      return data + image.readUInt16LE(data + 32);
    };
    const [page, victim] = [runsOf('pagefile.sys'), runsOf('victim')];
    expect(image[victim]).toBe(image[page]);
    await overwrite(disk, victim + 3, image.subarray(page + 3, page + 5));
    const free = await freeSpaceOfFile(disk);
    expect(free.volumes[0]?.pageFiles).toBe(0);
  });

  it.each([
    ['in the root subvolume', '/swapfile', '@/swapfile', 'S1SUSPEND', /a hibernated system is stored in partition 1/],
    ['in another one', '/swap/file', '@swap/file', 'S1SUSPEND', /a hibernated system is stored in partition 1/],
    ['behind a link', '/link', '@swap/file', 'S1SUSPEND', /a hibernated system is stored in partition 1/],
    ['in none', '/gone/file', '@swap/file', 'S1SUSPEND', /whether a hibernated system is stored .* cannot be read/],
    ['on another disk', '/data/file', '@swap/file', 'S1SUSPEND', /whether a hibernated system .* cannot be read/],
    ['that is not suspended', '/swap/file', '@swap/file', 'SWAPSPACE2', undefined],
  ])('of btrfs with subvolumes show a hibernated system: %s', async (_, named, path, signature, reason) => {
    const volume = new TestVolume(256 * MIB);
    onTestFinished(() => volume.remove());
    runTool('mkfs.btrfs', '-q', volume.path);
    volume.mounted('', (mounted) => {
      for (const name of ['@', '@swap']) runTool('btrfs', 'subvolume', 'create', join(mounted, name));
      mkdirSync(join(mounted, '@/etc'));
      symlinkSync('swap/file', join(mounted, '@/link'));
      const lines = [
        'UUID=1 / btrfs subvol=@ 0 0',
        'UUID=1 /swap btrfs subvol=@swap 0 0',
        'UUID=1 /gone btrfs subvol=@gone 0 0',
        'UUID=2 /data btrfs defaults 0 0',
        `${named} none swap sw 0 0`,
      ];
      writeFileSync(join(mounted, '@/etc/fstab'), `${lines.join('\n')}\n`);
      writeFileSync(join(mounted, path), memory(4 * MIB));
      runTool('mkswap', join(mounted, path));
      const bytes = readFileSync(join(mounted, path));
      bytes.write(signature.padEnd(10, '\0'), 4086, 'latin1');
      writeFileSync(join(mounted, path), bytes);
      writeFileSync(join(mounted, 'deleted'), memory(MIB));
      runTool('sync', '-f', mounted);
      rmSync(join(mounted, 'deleted'));
    });
    const disk = await diskWith({ path: volume.path });
    const free = await freeSpaceOfFile(disk);
    expect(reasonsOf(free)).toEqual([reason === undefined ? '' : expect.stringMatching(reason)]);
    const output = join(folder, 'subvolumes.raw');
    await convertImage({ image: disk, imageFormat: 'raw', output, format: 'raw', overwrite: true, skipFree: 'all' });
    expect(readFileSync(output).equals(readFileSync(disk))).toBe(reason !== undefined);
  });

  it('of btrfs show a hibernated system whose root is the last of many names', async () => {
    const volume = new TestVolume(256 * MIB);
    onTestFinished(() => volume.remove());
    runTool('mkfs.btrfs', '-q', volume.path);
    volume.mounted('', (mounted) => {
      for (let index = 0; index < 40; index++) mkdirSync(join(mounted, `folder${index}`));
      runTool('btrfs', 'subvolume', 'create', join(mounted, 'system'));
      mkdirSync(join(mounted, 'system/etc'));
      const lines = 'UUID=1 / btrfs subvol=system 0 0\n/swapfile none swap sw 0 0\n';
      writeFileSync(join(mounted, 'system/etc/fstab'), lines);
      const swap = join(mounted, 'system/swapfile');
      writeFileSync(swap, memory(4 * MIB));
      runTool('mkswap', swap);
      const bytes = readFileSync(swap);
      bytes.write('S1SUSPEND\0', 4086, 'latin1');
      writeFileSync(swap, bytes);
    });
    const free = await freeSpaceOfFile(await diskWith({ path: volume.path }));
    expect(reasonsOf(free)).toEqual([expect.stringMatching(/a hibernated system is stored in partition 1/)]);
  });

  it('of Linux on a file system that fstab mounts elsewhere leave everything as it is', async () => {
    const volume = new TestVolume(32 * MIB);
    onTestFinished(() => volume.remove());
    runTool('mkfs.ext4', '-q', '-F', volume.path);
    volume.mounted('', (mounted) => {
      mkdirSync(join(mounted, 'etc'));
      writeFileSync(join(mounted, 'etc/fstab'), 'UUID=2 /data ext4 defaults\n/data/swapfile none swap sw 0 0\n');
    });
    const free = await freeSpaceOfFile(await diskWith({ path: volume.path }));
    expect(free.map.bytes).toBe(0);
    expect(reasonsOf(free)[0]).toMatch(/whether a hibernated system is stored in partition 1 cannot be read/);
  });

  it('of Linux are left out behind their first page: partitions, and files that fstab names', async () => {
    const swap = join(folder, 'swap');
    writeFileSync(swap, memory(8 * MIB));
    runTool('mkswap', swap);
    for (const mkfs of [
      ['mkfs.ext4', '-q', '-F'],
      ['mkfs.xfs', '-q', '-f'],
    ]) {
      const volume = new TestVolume(320 * MIB);
      const [program = '', ...args] = mkfs;
      runTool(program, ...args, volume.path);
      volume.mounted('', (mounted) => {
        mkdirSync(join(mounted, 'etc'));
        for (const name of ['swapfile', 'unnamed', 'holes', 'allocated']) {
          writeFileSync(join(mounted, name), memory(4 * MIB));
          if (name === 'holes')
            runTool('fallocate', '--punch-hole', '--offset', '1M', '--length', '1M', join(mounted, name));
          if (name === 'allocated') {
            rmSync(join(mounted, name));
            runTool('fallocate', '--length', '4M', join(mounted, name));
          }
          runTool('mkswap', join(mounted, name));
        }
        const lines = ['swapfile', 'holes', 'allocated', 'absent'].map((name) => `/${name} none swap sw 0 0`);
        writeFileSync(join(mounted, 'etc/fstab'), `${lines.join('\n')}\n/dev/sda2 none swap sw 0 0\n`);
      });
      const free = await freeSpaceOfFile(await diskWith({ path: volume.path }, { path: swap, type: 'S' }));
      expect(reasonsOf(free)).toEqual(['', '']);
      expect(free.volumes.map(({ pageFiles }) => pageFiles)).toEqual([2 * (4 * MIB - 4096), 8 * MIB - 4096]);
      const kept = await freeSpaceOfFile(await diskWith({ path: volume.path }, { path: swap, type: 'S' }), 'free');
      expect(reasonsOf(kept)).toEqual(['', 'the contents of swap are kept']);
      expect(kept.volumes[0]?.free).toBe(free.volumes[0]?.free);
      volume.remove();
    }
  });
});
