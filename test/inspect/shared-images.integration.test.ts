// Key facts that vhdup reports for images from Windows, qemu, libvhd and others.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { inspectImage } from '../../src/inspect/inspect.ts';
import { NO_SHARED_IMAGES, sharedImages } from '../support/shared-images.ts';

beforeEach((context) => context.skip(sharedImages === undefined, NO_SHARED_IMAGES));

const WINDOWS_10 = 'Microsoft Windows 10.0.19041.0';
const GIB = 1024 ** 3;

interface Facts {
  readonly format: string;
  readonly size: number;
  readonly creator?: string;
  readonly parents?: number;
  readonly log?: 'empty' | 'dirty';
  /** Undefined if the disk cannot be read. */
  readonly allocated?: number;
  /** The scheme of the partition table and the contents of each volume. */
  readonly contents?: string;
  readonly system?: string;
  readonly problems?: readonly string[];
  readonly exitCode?: number;
}

const SMALL = 4 * 1024 ** 2;
const vhd = { size: SMALL, creator: 'win', allocated: SMALL };
const vhdx = { size: SMALL, creator: WINDOWS_10, allocated: SMALL, log: 'empty' } as const;
const openvmm = { log: 'empty', contents: '-' } as const;
const libvhd = { size: 32 * 1024 ** 2, creator: 'tap', contents: '-' };

const IMAGES: Readonly<Record<string, Facts>> = {
  'dfvfs/ext2.vhd': { format: 'vhd-dynamic', size: 4212736, creator: 'qemu', allocated: 2097152, contents: '- ext2' },
  'dfvfs/ext2.vhdx': { ...vhdx, format: 'vhdx-dynamic', creator: 'QEMU v5.2.0', contents: '- ext2' },
  'dfvfs/fat-parent.vhd': { ...vhd, format: 'vhd-fixed', contents: 'mbr fat12' },
  'dfvfs/fat-differential.vhd': { ...vhd, format: 'vhd-differencing', parents: 1, contents: 'mbr fat12' },
  'dfvfs/fat-parent.vhdx': { ...vhdx, format: 'vhdx-fixed', contents: 'mbr fat12' },
  'dfvfs/fat-differential.vhdx': { ...vhdx, format: 'vhdx-differencing', parents: 1, contents: 'mbr fat12' },
  'dfvfs/ntfs-fixed.vhd': { ...vhd, format: 'vhd-fixed', contents: 'mbr ntfs' },
  'dfvfs/ntfs-dynamic.vhd': { ...vhd, format: 'vhd-dynamic', contents: 'mbr ntfs' },
  'dfvfs/ntfs-parent.vhd': { ...vhd, format: 'vhd-fixed', contents: 'mbr ntfs' },
  'dfvfs/ntfs-differential.vhd': { ...vhd, format: 'vhd-differencing', parents: 1, contents: 'mbr ntfs' },
  'dfvfs/ntfs-fixed.vhdx': { ...vhdx, format: 'vhdx-fixed', contents: 'mbr ntfs' },
  'dfvfs/ntfs-dynamic.vhdx': { ...vhdx, format: 'vhdx-dynamic', contents: 'mbr ntfs' },
  'dfvfs/ntfs-parent.vhdx': { ...vhdx, format: 'vhdx-fixed', contents: 'mbr ntfs' },
  'dfvfs/ntfs-differential.vhdx': { ...vhdx, format: 'vhdx-differencing', parents: 1, contents: 'mbr ntfs' },
  'dfvfs/image.vhd': { format: 'vhd-dynamic', size: 104448, creator: 'qemu', problems: ['image-corrupt'], exitCode: 3 },
  'dfvfs/image-differential.vhd': {
    format: 'vhd-differencing',
    size: 104448,
    creator: 'qemu',
    problems: ['image-corrupt'],
    exitCode: 3,
  },
  'discutils/btrfs.vhdx': {
    format: 'vhdx-dynamic',
    size: GIB,
    creator: 'Microsoft Windows 10.0.15063.0',
    log: 'empty',
    allocated: 67108864,
    contents: 'mbr btrfs',
    system: 'Linux',
  },
  'discutils/lvm2.vhdx': {
    format: 'vhdx-dynamic',
    size: 10 * GIB,
    creator: 'Microsoft Windows 10.0.14393.0',
    log: 'empty',
    allocated: 603979776,
    contents: 'gpt lvm2',
    system: 'Linux',
  },
  'discutils/swap.vhdx': {
    format: 'vhdx-dynamic',
    size: 10 * GIB,
    creator: 'Microsoft Windows 10.0.14393.0',
    log: 'empty',
    allocated: 33554432,
    contents: '- swap',
  },
  'discutils/xfs.vhdx': {
    format: 'vhdx-dynamic',
    size: 10 * GIB,
    creator: 'Microsoft Windows 10.0.14393.0',
    log: 'empty',
    allocated: 671088640,
    contents: 'gpt xfs',
    system: 'Linux',
  },
  'discutils/xfs5.vhdx': {
    format: 'vhdx-dynamic',
    size: 10 * GIB,
    creator: 'Microsoft Windows 10.0.17134.0',
    log: 'empty',
    allocated: 167772160,
    contents: 'mbr xfs',
    system: 'Linux',
  },
  'discutils/vhdx-log-replay.vhdx': {
    format: 'vhdx-dynamic',
    size: GIB,
    creator: 'Microsoft Windows 10.0.15063.0',
    log: 'dirty',
    allocated: 33554432,
    contents: 'mbr ? ?',
    system: 'Linux',
    problems: ['log-replayed'],
  },
  'libvhd/base.vhd': { ...libvhd, format: 'vhd-dynamic', allocated: 20971520 },
  'libvhd/child.vhd': { ...libvhd, format: 'vhd-differencing', parents: 1, allocated: 31457280 },
  'libvhd/child-of-raw.vhd': {
    format: 'vhd-differencing',
    size: libvhd.size,
    creator: 'tap',
    problems: ['parent-image'],
    exitCode: 4,
  },
  'openvmm/c9-base.vhdx': { ...openvmm, format: 'vhdx-dynamic', size: 9 * GIB, allocated: 54525952 },
  'openvmm/c9-child.vhdx': { ...openvmm, format: 'vhdx-differencing', size: 9 * GIB, parents: 1, allocated: 96468992 },
  'openvmm/k4-base.vhdx': {
    ...openvmm,
    format: 'vhdx-dynamic',
    size: 314572800,
    allocated: 56623104,
    problems: ['sector-size-4096'],
  },
  'openvmm/fx-base.vhdx': { ...openvmm, format: 'vhdx-fixed', size: 52430336, allocated: 52430336 },
  'openvmm/fx-child.vhdx': {
    ...openvmm,
    format: 'vhdx-differencing',
    size: 52430336,
    parents: 1,
    allocated: 52430336,
  },
  'openvmm/b-base1m.vhdx': { ...openvmm, format: 'vhdx-dynamic', size: 629145600, allocated: 26214400 },
  'openvmm/b-child256m.vhdx': {
    ...openvmm,
    format: 'vhdx-differencing',
    size: 629145600,
    parents: 1,
    allocated: 629145600,
  },
  'openvmm/dirty-multi.vhdx': {
    format: 'vhdx-dynamic',
    size: 2 * GIB,
    log: 'dirty',
    allocated: 22020096,
    contents: '-',
    problems: ['log-replayed'],
  },
  'derived/bitmap-clear-over-data-libvhd.vhd': { ...libvhd, format: 'vhd-dynamic', allocated: 20971520 },
  'derived/bitmap-clear-over-data-qemu.vhd': {
    format: 'vhd-dynamic',
    size: 67108864,
    creator: 'qem2',
    allocated: 16777216,
    contents: '-',
    problems: ['unmarked-data'],
  },
};

async function factsOf(path: string): Promise<Facts> {
  const { image, parents, disk, problems, exitCode } = await inspectImage({ image: path });
  const { table, volumes = [] } = disk?.layout ?? {};
  const all = [...problems, ...(disk?.layout.problems ?? [])].map(({ code }) => code);
  return {
    format: image.format ?? '',
    size: image.diskSize ?? 0,
    ...(image.creator === undefined ? {} : { creator: image.creator.application }),
    ...(parents.length === 0 ? {} : { parents: parents.length }),
    ...(image.log === undefined ? {} : { log: image.log.state }),
    ...(disk === undefined
      ? {}
      : {
          allocated: disk.allocated,
          contents: [table?.scheme ?? '-', ...volumes.map(({ fileSystem }) => fileSystem?.type ?? '?')].join(' '),
          ...(disk.operatingSystem === undefined ? {} : { system: disk.operatingSystem.name }),
        }),
    ...(all.length === 0 ? {} : { problems: all }),
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}

/** True if the image, or the base of its chain, has a fixed format and its file has holes. */
async function isFixedWithHoles(path: string): Promise<boolean> {
  const { image, parents } = await inspectImage({ image: path });
  const base = parents.at(-1) ?? image;
  const { blocks, size } = await stat(base.path);
  return base.format?.endsWith('-fixed') === true && blocks * 512 < size;
}

describe('inspect reports the facts of', () => {
  it.each(Object.entries(IMAGES))('%s', async (name, facts) => {
    const path = join(sharedImages ?? '', name);
    const { allocated, ...others } = await factsOf(path);
    const { allocated: expected, ...otherFacts } = facts;
    expect(others).toEqual(otherFacts);
    // Programs that unpack or copy images may turn zeros into holes, which count as unallocated.
    if (await isFixedWithHoles(path)) expect(allocated).toBeLessThanOrEqual(expected ?? 0);
    else expect(allocated).toBe(expected);
  });

  it('a raw disk, opened as one', async () => {
    const { image, disk, problems } = await inspectImage({
      image: join(sharedImages ?? '', 'libvhd/rawparent.raw'),
      format: 'raw',
    });
    expect(image).toMatchObject({ format: 'raw', diskSize: libvhd.size, ids: {} });
    expect({ problems, layout: disk?.layout }).toEqual({ problems: [], layout: { volumes: [], problems: [] } });
  });
});
