// Whether a file system was cleanly unmounted, tested with volumes built by hand.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectFileSystem } from '../../src/volume/detect-file-system.ts';
import { readFileSystemState } from '../../src/volume/file-system-state.ts';
import { BtrfsChecksum } from '../../src/volume/file-systems/btrfs/checksums.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { NTFS_PLACES, type NtfsDescription, ntfsVolume } from '../support/ntfs-builder.ts';

const MIB = 1024 * 1024;

type Field = readonly [offset: number, value: number];

/** Builds a volume of a type, with these 32-bit fields. */
function stateOf(type: string, fields: readonly Field[], bytes: Buffer = Buffer.alloc(MIB)) {
  for (const [offset, value] of fields) bytes.writeUInt32LE(value, offset);
  const fileSystem = { type, name: type, kind: 'file-system' } as const;
  return readFileSystemState(new MemoryDisk(bytes), { offset: 0, length: bytes.length }, fileSystem);
}

const ntfs = (description: NtfsDescription) => stateOf('ntfs', [], ntfsVolume(description));

describe('an NTFS volume', () => {
  it.each<[NtfsDescription, string, RegExp]>([
    [{}, 'clean', /^clean$/],
    [{ log: 'no clients' }, 'clean', /^clean$/],
    [{ log: 'emptied' }, 'clean', /^clean$/],
    // Windows 10 sets this flag on volumes that were unmounted.
    [{ flags: 0x0080 }, 'clean', /^clean$/],
    [{ flags: 0x0001 }, 'unclean', /its dirty flag is set/],
    [{ flags: 0x4000 }, 'unclean', /chkdsk was interrupted/],
    [{ log: 'in use' }, 'unclean', /\$LogFile is in use/],
    [{ flags: 1, log: 'in use' }, 'unclean', /dirty flag is set, its \$LogFile/],
    [{ log: 'damaged' }, 'unknown', /no usable restart page/],
    [{ edit: (volume) => volume.fill(0, NTFS_PLACES.mft) }, 'unknown', /file record 0 of its MFT is damaged/],
    [{ edit: (volume) => volume.writeUInt8(9, NTFS_PLACES.mft + 3 * 1024 + 510) }, 'unknown', /record 3/],
    [{ edit: (volume) => volume.writeBigUInt64LE(1n << 40n, 48) }, 'unknown', /its MFT should be at/],
    [{ edit: (volume) => volume.writeInt8(-128, 64) }, 'unknown', /file records have/],
    [{ edit: (volume) => volume.writeUInt8(0, 13) }, 'unknown', /its clusters 0/],
  ])('%j is %s', async (description, state, reason) => {
    expect(await ntfs(description)).toEqual({ state, reason: expect.stringMatching(reason) });
  });

  it('has the label from its metadata', async () => {
    const disk = new MemoryDisk(ntfsVolume({ label: 'Größe 磁盘' }));
    expect(await detectFileSystem(disk, { offset: 0, length: disk.size })).toMatchObject({
      type: 'ntfs',
      label: 'Größe 磁盘',
    });
  });

  it('gives a result, whatever is wrong with it', async () => {
    const volume = ntfsVolume();
    const place = fc.oneof(
      fc.nat({ max: 511 }),
      fc.nat({ max: 2047 }).map((at) => NTFS_PLACES.mft + 2048 + at),
      fc.nat({ max: 511 }).map((at) => NTFS_PLACES.logFile + at),
    );
    const damage = fc.array(fc.tuple(place, fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(damage, async (bytes) => {
        const copy = Buffer.from(volume);
        for (const [at, value] of bytes) copy.writeUInt8(value, at);
        expect(['clean', 'unclean', 'unknown']).toContain((await stateOf('ntfs', [], copy)).state);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('an ext file system', () => {
  const state = (value: number): Field => [1024 + 56, value * 65536 + 0xef53];
  it.each<[readonly Field[], string, RegExp]>([
    [[state(1)], 'clean', /^clean$/],
    [[state(1), [1024 + 96, 0x4]], 'unclean', /its journal needs recovery/],
    [[state(0)], 'unclean', /it was not unmounted/],
    [[state(3)], 'unclean', /it has errors/],
    [[state(1), [1024 + 92, 0x4]], 'unknown', /journal is on another device/],
    [[state(1), [1024 + 92, 0x4], [1024 + 224, 8]], 'clean', /^clean$/],
  ])('with %j is %s', async (fields, expected, reason) => {
    expect(await stateOf('ext4', fields)).toEqual({ state: expected, reason: expect.stringMatching(reason) });
  });
});

describe('a FAT volume', () => {
  function fat(bits: 16 | 32, entry: number, flags = 0): Buffer {
    const volume = Buffer.alloc(MIB);
    volume.write('\xeb\x3c\x90MSDOS5.0', 0, 'latin1');
    volume.writeUInt16LE(512, 11);
    volume.writeUInt8(1, 13);
    volume.writeUInt16LE(2, 14);
    volume.writeUInt8(1, 16);
    volume.writeUInt16LE(bits === 16 ? 16 : 0, 17);
    volume.writeUInt8(0xf8, 21);
    volume.writeUInt16LE(bits === 16 ? 32 : 0, 22);
    volume.writeUInt32LE(6000, 32);
    if (bits === 32) volume.writeUInt32LE(64, 36);
    volume.writeUInt8(flags, bits === 32 ? 65 : 37);
    volume.writeUInt16LE(0xaa55, 510);
    if (bits === 32) volume.writeUInt32LE(entry, 1024 + 4);
    else volume.writeUInt16LE(entry, 1024 + 2);
    return volume;
  }
  it.each<[string, Buffer, string]>([
    ['FAT16', fat(16, 0xffff), 'clean'],
    ['FAT16 whose clean bit is 0', fat(16, 0x7fff), 'unclean'],
    ['FAT16 whose error bit is 0', fat(16, 0xbfff), 'unclean'],
    ['FAT32', fat(32, 0x0fffffff), 'clean'],
    ['FAT32 whose clean bit is 0', fat(32, 0x07ffffff), 'unclean'],
    ['FAT32 that Linux had mounted', fat(32, 0x0fffffff, 1), 'unclean'],
    ['none', Buffer.alloc(MIB), 'unknown'],
  ])('%s', async (name, volume, state) => {
    expect(await stateOf(name.startsWith('FAT32') ? 'fat32' : 'fat16', [], volume)).toMatchObject({ state });
  });
});

describe('a btrfs volume', () => {
  /** The first superblock, with a right checksum. */
  async function btrfs(change: (superblock: Buffer) => void): Promise<Buffer> {
    const volume = Buffer.alloc(MIB);
    const superblock = volume.subarray(65_536, 65_536 + 4096);
    superblock.write('_BHRfS_M', 64, 'latin1');
    superblock.writeUInt32LE(65_536, 48);
    superblock.writeUInt32LE(4096, 144);
    superblock.writeUInt32LE(16_384, 148);
    change(superblock);
    superblock.set((await BtrfsChecksum.create(0)).of(superblock.subarray(32)), 0);
    return volume;
  }
  it.each<[string, (superblock: Buffer) => void, string, RegExp]>([
    ['nothing special', () => undefined, 'clean', /^clean$/],
    ['a log tree', (bytes) => bytes.writeUInt32LE(4096, 96), 'unclean', /^its log tree needs recovery: it was not/],
    ['errors', (bytes) => bytes.writeUInt32LE(4, 56), 'unclean', /^it has errors$/],
    ['new checksums', (bytes) => bytes.writeUInt32LE(0x80, 60), 'unclean', /^btrfstune was interrupted/],
    ['two devices', (bytes) => bytes.writeUInt32LE(2, 136), 'clean', /^clean$/],
    ['zones', (bytes) => bytes.writeUInt32LE(0x1000, 188), 'unknown', /it has zones, which is not supported/],
    ['an odd sector size', (bytes) => bytes.writeUInt32LE(5000, 144), 'unknown', /its sector size is 5000/],
  ])('with %s', async (_name, change, state, reason) => {
    expect(await stateOf('btrfs', [], await btrfs(change))).toEqual({ state, reason: expect.stringMatching(reason) });
  });

  it('with a wrong checksum is unknown', async () => {
    const volume = await btrfs(() => undefined);
    expect(await stateOf('btrfs', [[65_536 + 300, 1]], volume)).toEqual({
      state: 'unknown',
      reason: 'cannot be read: the checksum of its superblock is wrong',
    });
  });
});

it.each<[string, readonly Field[], string]>([
  ['exfat', [], 'clean'],
  ['exfat', [[106, 2]], 'unclean'],
  ['btrfs', [], 'unknown'],
  ['hfsplus', [[1028, 0x00010000]], 'clean'],
  ['hfsplus', [], 'unclean'],
  ['swap-suspended', [], 'unclean'],
  ['squashfs', [], 'clean'],
  ['xfs', [], 'unknown'],
  ['refs', [], 'unknown'],
  ['zfs', [], 'unknown'],
  ['f2fs', [], 'unknown'],
])('%s with %j is %s', async (type, fields, state) => {
  expect((await stateOf(type, fields)).state).toBe(state);
});

it.each(['lvm2', 'luks', 'bitlocker', 'md-raid'])('the state inside %s is unknown', async (type) => {
  const fileSystem = { type, name: type, kind: 'encrypted' } as const;
  const disk = new MemoryDisk(Buffer.alloc(MIB));
  expect(await readFileSystemState(disk, { offset: 0, length: MIB }, fileSystem)).toEqual({
    state: 'unknown',
    reason: `the contents of ${type} are not read`,
  });
});
