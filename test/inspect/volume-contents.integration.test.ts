import { describe, expect, it } from 'vitest';
import { MIB } from '../../src/base/byte-range.ts';
import { inspectImage } from '../../src/inspect/inspect.ts';
import { makeDisk, NO_DISK_TOOLS, overwrite, tool } from '../support/guest-disk.ts';

const OS_RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n';
const START = MIB;
const EXT = { size: 64, type: 'linux', fileSystem: 'ext4', files: { '/etc/os-release': OS_RELEASE } } as const;
const NTFS = { size: 32, type: '7', fileSystem: 'ntfs' } as const;
const SWAP = { size: 8, type: '82', fileSystem: 'swap' } as const;

async function volumesOf(path: string, scan = false) {
  const { disk } = await inspectImage({ image: path, format: 'raw', scan });
  return disk;
}

/** Free bytes as the tools of e2fsprogs count them. */
async function freeOfExt(path: string): Promise<number> {
  const text = await tool('dumpe2fs', ['-h', `${path}?offset=${START}`]);
  const number = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1]);
  return number('Free blocks') * number('Block size');
}

describe.skipIf(NO_DISK_TOOLS !== undefined)('the volumes of an inspection', () => {
  it('have their used and free bytes, their state and their system', async () => {
    const path = await makeDisk({ table: 'dos', partitions: [EXT, NTFS, SWAP] });
    const disk = await volumesOf(path);
    expect(disk?.operatingSystem).toEqual({
      family: 'linux',
      name: 'Debian GNU/Linux 12 (bookworm)',
      version: '12',
      reason: 'os-release in partition 1',
    });
    const [ext, ntfs, swap] = disk?.volumes ?? [];
    expect(ext).toMatchObject({
      name: 'partition 1',
      partitions: [1],
      size: 64 * MIB,
      state: 'clean',
      system: { id: 'debian' },
    });
    expect(ext?.free).toBe(await freeOfExt(path));
    expect((ext?.used ?? 0) + (ext?.free ?? 0)).toBe(64 * MIB);
    expect(ntfs).toMatchObject({ name: 'partition 2', state: 'clean' });
    expect(ntfs?.free).toBeGreaterThan(16 * MIB);
    expect(swap).toMatchObject({ name: 'partition 3', freeReason: expect.stringContaining('swap') });
    expect(ext).not.toHaveProperty('freeNotZero');
  });

  it('have the free bytes that are not zero, if the disk is scanned', async () => {
    const path = await makeDisk({ table: 'dos', partitions: [EXT] });
    const clean = await volumesOf(path, true);
    const before = clean?.volumes[0]?.freeNotZero ?? Number.NaN;
    // A deleted file, in the middle of the free space.
    const group = START + 32 * MIB;
    await overwrite(path, group, Buffer.alloc(MIB, 7));
    const after = await volumesOf(path, true);
    expect(after?.volumes[0]?.state).toBe('clean');
    expect(after?.volumes[0]?.freeNotZero).toBe(before + MIB);
  });

  it('say why free space is not known', async () => {
    const path = await makeDisk({ table: 'dos', partitions: [{ ...EXT, mkfs: ['-O', '^metadata_csum'] }] });
    // INCOMPAT: the journal needs recovery.
    const incompat = Buffer.alloc(4);
    incompat.writeUInt32LE(0x2c6);
    await overwrite(path, START + 1024 + 0x60, incompat);
    const disk = await volumesOf(path);
    expect(disk?.volumes[0]).toMatchObject({ state: 'unclean', freeReason: expect.stringMatching(/journal/) });
    expect(disk?.volumes[0]).not.toHaveProperty('free');
  });
});
