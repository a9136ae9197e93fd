import { describe, expect, it } from 'vitest';
import { contentVolumes } from '../../src/volume/content-volumes.ts';
import { readDiskLayout } from '../../src/volume/disk-layout.ts';
import {
  EXTENT,
  FIRST_EXTENT,
  groupText,
  linear,
  logical,
  physicalVolume,
  SECTOR,
  segment,
} from '../support/lvm-builder.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { writeMbr } from '../support/partition-table-builder.ts';

const START = 1024 * 1024;
const ROOT = { offset: FIRST_EXTENT + 3 * EXTENT, length: 4 * EXTENT } as const;

/** A disk with a physical volume in each partition, one after the other. */
function diskOf(...physical: readonly { readonly bytes: Buffer }[]): MemoryDisk {
  const disk = Buffer.alloc(START * (physical.length + 1));
  const partitions = physical.map(({ bytes }, index) => {
    const offset = START * (index + 1);
    bytes.copy(disk, offset);
    return { slot: index + 1, type: 0x8e, first: offset / SECTOR, count: bytes.length / SECTOR };
  });
  writeMbr(disk, partitions);
  return new MemoryDisk(disk);
}

async function volumesOf(disk: MemoryDisk) {
  return await contentVolumes(disk, await readDiskLayout(disk));
}

describe('contentVolumes', () => {
  it('lists the logical volumes after the partitions that hold them, and where their bytes are on the disk', async () => {
    const text = groupText([1], [logical('root', [linear(0, 4, 'pv0', 3)])]);
    const disk = diskOf(physicalVolume(1, text));
    const { volumes, unread } = await volumesOf(disk);
    expect(unread).toEqual([]);
    expect(volumes.map(({ name, isLogical }) => [name, isLogical])).toEqual([
      ['partition 1', false],
      ['logical volume vg/root', true],
    ]);
    const [partition, root] = volumes;
    expect(partition?.fileSystem).toMatchObject({ type: 'lvm2' });
    expect(root?.within).toEqual(partition?.within);
    expect(root?.bytes.size).toBe(ROOT.length);
    expect([...(root?.onDisk({ offset: 512, length: 1024 }) ?? [])]).toEqual([
      { offset: START + ROOT.offset + 512, length: 1024 },
    ]);
    const read = Buffer.alloc(ROOT.length);
    await root?.bytes.read({ offset: 0, length: read.length }, read);
    expect(read.equals(disk.bytes.subarray(START + ROOT.offset, START + ROOT.offset + ROOT.length))).toBe(true);
  });

  it('maps a striped volume to both of its partitions', async () => {
    const striped = segment(
      0,
      2,
      'type = "striped"',
      'stripe_count = 2',
      'stripe_size = 8',
      'stripes = ["pv0", 5, "pv1", 9]',
    );
    const disk = diskOf(
      physicalVolume(1, groupText([1, 2], [logical('data', [striped])])),
      physicalVolume(2, undefined),
    );
    const { volumes } = await volumesOf(disk);
    const data = volumes.at(-1);
    expect(data?.within.map(({ partition }) => partition?.index)).toEqual([1, 2]);
    expect([...(data?.onDisk({ offset: 0, length: 2 * EXTENT }) ?? [])]).toEqual([
      { offset: START + FIRST_EXTENT + 5 * EXTENT, length: EXTENT },
      { offset: 2 * START + FIRST_EXTENT + 9 * EXTENT, length: EXTENT },
    ]);
  });

  it('says why a logical volume or a physical volume is not read', async () => {
    const pool = segment(0, 1, 'type = "thin-pool"', 'metadata = "meta"', 'pool = "data"');
    const { volumes, unread } = await volumesOf(diskOf(physicalVolume(1, groupText([1], [logical('pool', [pool])]))));
    expect(volumes.map(({ name }) => name)).toEqual(['partition 1']);
    expect(unread).toEqual([
      { name: 'logical volume vg/pool', reason: expect.stringContaining('thin-pool'), within: volumes[0]?.within },
    ]);
    const stray = await volumesOf(diskOf(physicalVolume(1, undefined)));
    expect(stray.unread).toMatchObject([{ name: 'partition 1', reason: 'no volume group on this disk names it' }]);
    const damaged = physicalVolume(1, 'vg {');
    const second = await volumesOf(diskOf(damaged));
    expect(second.unread).toMatchObject([{ name: 'partition 1' }]);
  });

  it('lists a disk without a partition table as one volume, and a logical volume with a file system by its superblock', async () => {
    const physical = physicalVolume(1, groupText([1], [logical('swap', [linear(0, 4, 'pv0', 3)])]));
    physical.bytes.fill(0, ROOT.offset, ROOT.offset + 4096);
    physical.bytes.write('SWAPSPACE2', ROOT.offset + 4086, 'latin1');
    physical.bytes.writeUInt32LE(1, ROOT.offset + 1024);
    physical.bytes.writeUInt32LE(3, ROOT.offset + 1028);
    const whole = new MemoryDisk(Buffer.concat([physical.bytes]));
    const { volumes } = await volumesOf(whole);
    expect(volumes.map(({ name, fileSystem }) => [name, fileSystem?.type])).toEqual([
      ['the disk', 'lvm2'],
      ['logical volume vg/swap', 'swap'],
    ]);
  });
});
