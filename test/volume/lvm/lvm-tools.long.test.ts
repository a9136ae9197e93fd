// Volume groups made by the tools of lvm2: what vhdup reads is where lvs says that it is. And disks of other systems.
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { detectFileSystem } from '../../../src/volume/detect-file-system.ts';
import { readDiskLayout } from '../../../src/volume/disk-layout.ts';
import type { VolumeBytes } from '../../../src/volume/file-systems/opened-file-system.ts';
import { openXfs } from '../../../src/volume/file-systems/xfs/open-xfs.ts';
import { type OpenedVolumeGroup, openLvm } from '../../../src/volume/lvm/open-lvm.ts';
import { CountingVolume, runTool, TestVolume, whyNoMounts } from '../../support/loop-volume.ts';
import { NO_SHARED_IMAGES, sharedImages } from '../../support/shared-images.ts';
import { MIB } from '../../support/xfs-volumes.ts';

const NO_LVM = whyNoMounts('pvcreate', 'vgcreate', 'lvcreate', 'lvs', 'mkfs.xfs');
const EXTENT = 4 * MIB;

interface Group {
  readonly paths: readonly string[];
  readonly name: string;
  /** Runs a tool of lvm2 that sees only these physical volumes. */
  run(tool: string, ...args: string[]): string;
}

/** A group on loop devices, which are removed after the test. There is no device mapper: nothing is ever activated. */
function makeGroup(count: number, size: number, ...pvcreate: string[]): Group {
  const volumes = Array.from({ length: count }, () => new TestVolume(size));
  onTestFinished(() => {
    for (const volume of volumes) volume.remove();
  });
  const devices = volumes.map(({ path }) => runTool('losetup', '--find', '--show', path).trim());
  onTestFinished(() => {
    for (const device of devices) runTool('losetup', '--detach', device);
  });
  const filter = `devices { global_filter=[${devices.map((device) => `"a|^${device}$|"`).join(', ')}, "r|.*|"] use_devicesfile=0 }`;
  const run = (tool: string, ...args: string[]) => runTool(tool, '--config', filter, ...args);
  const name = `vhdup${process.pid}x${devices[0]?.replace(/\D/g, '')}`;
  run('pvcreate', '--quiet', ...pvcreate, ...devices);
  run('vgcreate', '--quiet', name, ...devices);
  return { paths: volumes.map(({ path }) => path), name, run };
}

function create({ run, name }: Group, volume: string, ...args: string[]): void {
  run(
    'lvcreate',
    '--driverloaded',
    'n',
    '--activate',
    'n',
    '--zero',
    'n',
    '--wipesignatures',
    'n',
    '--name',
    volume,
    ...args,
    name,
  );
}

async function open({ paths }: Group): Promise<{ group: OpenedVolumeGroup | undefined; volumes: VolumeBytes[] }> {
  const volumes = paths.map((path) => new CountingVolume(path));
  onTestFinished(() => {
    for (const volume of volumes) volume.close();
  });
  const { groups, problems } = await openLvm(volumes);
  expect([...problems.values()]).toEqual([]);
  return { group: groups[0], volumes };
}

/** Marks each extent of a physical volume with its number. */
function markExtents({ paths }: Group): void {
  for (const [physical, path] of paths.entries()) {
    const fd = openSync(path, 'r+');
    const size = readFileSync(path).length;
    for (let extent = 0; MIB + (extent + 1) * EXTENT <= size; extent++) {
      for (const at of [0, 64 * 1024, EXTENT - 64])
        writeSync(fd, `${physical}:${extent}+${at};`, MIB + extent * EXTENT + at);
    }
    closeSync(fd);
  }
}

async function markAt(volume: VolumeBytes | undefined, offset: number): Promise<string> {
  const bytes = Buffer.alloc(32);
  await volume?.read({ offset, length: 32 }, bytes);
  return bytes.toString('latin1').split(';')[0] ?? '';
}

describe.skipIf(NO_LVM !== undefined)(`a volume group that lvm2 made ${NO_LVM ?? ''}`, () => {
  it('has its linear volumes where lvs says, after they were extended, reduced and removed', async () => {
    const made = makeGroup(1, 120 * MIB);
    create(made, 'root', '--extents', '5');
    create(made, 'swap', '--extents', '3');
    made.run('lvextend', '--driverloaded', 'n', '--extents', '+4', `${made.name}/root`);
    create(made, 'gone', '--extents', '2');
    create(made, 'data', '--extents', '6');
    made.run('lvremove', '--driverloaded', 'n', '--yes', `${made.name}/gone`);
    made.run('lvextend', '--driverloaded', 'n', '--extents', '+5', `${made.name}/data`);
    markExtents(made);
    const { group, volumes } = await open(made);
    const listed = made.run(
      'lvs',
      '--noheadings',
      '--options',
      'lv_name,seg_start_pe,seg_size_pe,seg_pe_ranges',
      made.name,
    );
    const segments = [...listed.matchAll(/(\S+)\s+(\d+)\s+(\d+)\s+\S+:(\d+)-(\d+)/g)];
    expect(segments.length).toBeGreaterThanOrEqual(4);
    for (const [, name, start, count, first] of segments) {
      const volume = group?.volumes.find((one) => one.name === name)?.volume;
      for (let extent = 0; extent < Number(count); extent++) {
        const offset = (Number(start) + extent) * EXTENT;
        expect(await markAt(volume, offset)).toBe(`0:${Number(first) + extent}+0`);
        expect(await markAt(volume, offset + EXTENT - 64)).toBe(`0:${Number(first) + extent}+${EXTENT - 64}`);
      }
    }
    const used = group?.usedRanges(volumes[0] ?? new CountingVolume('')) ?? [];
    const allocated = segments.reduce((sum, [, , , , first, last]) => sum + Number(last) - Number(first) + 1, 0);
    const extents = Number(made.run('pvs', '--noheadings', '--options', 'pv_pe_count').trim());
    const whole = used.reduce((sum, { length }) => sum + length, 0);
    expect(whole).toBe(120 * MIB - (extents - allocated) * EXTENT);
  });

  it('has striped volumes on two physical volumes', async () => {
    const made = makeGroup(2, 60 * MIB);
    create(made, 'striped', '--stripes', '2', '--stripesize', '64k', '--extents', '6');
    markExtents(made);
    const { group } = await open(made);
    const volume = group?.volumes[0]?.volume;
    expect(await markAt(volume, 0)).toBe('0:0+0');
    expect(await markAt(volume, 64 * 1024)).toBe('1:0+0');
    expect(await markAt(volume, 128 * 1024)).toBe('0:0+65536');
    expect(await markAt(volume, 2 * EXTENT)).toBe('0:1+0');
    expect(await markAt(volume, 2 * EXTENT + 64 * 1024)).toBe('1:1+0');
  });

  it('is read after its metadata went around their ring many times', async () => {
    const made = makeGroup(1, 40 * MIB);
    create(made, 'root', '--extents', '2');
    for (let round = 0; round < 12; round++) {
      // The area has 1020 KiB; the texts of all rounds have more together.
      const tags = Array.from({ length: 20 }, (_, index) => ['--addtag', `${round}x${index}x${'t'.repeat(900)}`]);
      made.run('vgchange', ...tags.flat(), made.name);
      const { group } = await open(made);
      expect(group?.volumes.map(({ name, size }) => [name, size])).toEqual([['root', 2 * EXTENT]]);
    }
  });

  it('contains a file system', async () => {
    const made = makeGroup(1, 400 * MIB);
    create(made, 'first', '--extents', '3');
    create(made, 'root', '--extents', '80');
    const inside = new TestVolume(80 * EXTENT);
    onTestFinished(() => inside.remove());
    runTool('mkfs.xfs', '-q', inside.path);
    inside.mounted('', (root) => writeFileSync(join(root, 'fstab'), 'text'));
    runTool(
      'dd',
      `if=${inside.path}`,
      `of=${made.paths[0]}`,
      'bs=1M',
      `seek=${1 + 12}`,
      'conv=notrunc,sparse',
      'status=none',
    );
    const { group } = await open(made);
    const root = group?.volumes.find(({ name }) => name === 'root')?.volume;
    const files = await openXfs(root ?? new CountingVolume(''));
    expect(files.unclean).toBeUndefined();
    expect(Buffer.from(await files.read('/fstab', 0, 10)).toString()).toBe('text');
  });
});

describe.skipIf(sharedImages === undefined)(
  `disks of other systems ${sharedImages === undefined ? NO_SHARED_IMAGES : ''}`,
  () => {
    async function volumesOn(name: string) {
      const image = await openDiskImage(join(sharedImages ?? '', name));
      onTestFinished(async () => await image.close());
      return (await readDiskLayout(image)).volumes.map(({ range, fileSystem }) => ({
        type: fileSystem?.type,
        size: range.length,
        read: async (part: { offset: number; length: number }, into: Uint8Array) => {
          const start = range.offset + part.offset;
          const from = start - (start % 512);
          const bytes = Buffer.alloc(Math.ceil((start + part.length - from) / 512) * 512);
          await image.read({ offset: from, length: bytes.length }, bytes);
          into.set(bytes.subarray(start - from, start - from + part.length));
        },
      }));
    }

    it('have logical volumes', async () => {
      const physical = (await volumesOn('discutils/lvm2.vhdx')).filter(({ type }) => type === 'lvm2');
      const { groups, problems } = await openLvm(physical);
      expect([...problems.values()]).toEqual([]);
      const found: unknown[] = [];
      for (const { name, size, volume } of groups[0]?.volumes ?? []) {
        if (volume === undefined) continue;
        found.push([name, size, (await detectFileSystem(volume, { offset: 0, length: size }))?.type]);
      }
      expect(found).toEqual([
        ['vol01', 1283457024, 'ext3'],
        ['fat', 746586112, 'fat32'],
        ['ntfs', 1178599424, 'ntfs'],
      ]);
    });

    it.each(['discutils/xfs.vhdx', 'discutils/xfs5.vhdx'])('have XFS: %s', async (name) => {
      const volume = (await volumesOn(name)).find(({ type }) => type === 'xfs');
      const files = await openXfs(volume ?? new CountingVolume(''));
      expect(files.unclean).toBeUndefined();
      const names = ['data', 'data.1', 'data.2', 'data.3', 'empty', 'folder', 'huge', 'DATALOSS_WARNING_README.txt'];
      expect([...(await files.readdir('/'))].sort()).toEqual(names.sort());
      let used = 0;
      for await (const { length } of files.usedRanges() ?? []) used += length;
      expect(used).toBeGreaterThan(0);
      expect(used).toBeLessThan(volume?.size ?? 0);
    });
  },
);
