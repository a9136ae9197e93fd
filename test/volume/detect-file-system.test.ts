// Superblocks written by hand, field by field, for file systems without a tool in the integration tests.
import { describe, expect, it } from 'vitest';
import { detectFileSystem } from '../../src/volume/detect-file-system.ts';
import { MemoryDisk } from '../support/memory-disk.ts';

const MIB = 1024 * 1024;
const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const UUID_BYTES = Buffer.from(UUID.replaceAll('-', ''), 'hex');

type Field = readonly [offset: number, value: string | Buffer];

function volumeWith(...fields: readonly Field[]): Buffer {
  const volume = Buffer.alloc(MIB);
  for (const [offset, value] of fields) Buffer.from(value as string, 'latin1').copy(volume, offset);
  return volume;
}

function little32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function found(volume: Buffer) {
  return detectFileSystem(new MemoryDisk(volume), { offset: 0, length: volume.length });
}

const SERIAL: Field = [72, Buffer.from('efcdab8967452301', 'hex')];

describe('detects, by the superblock,', () => {
  it.each<[string, string, Field[], object]>([
    ['BitLocker', 'encrypted', [[3, '-FVE-FS-']], { type: 'bitlocker' }],
    [
      'LUKS1',
      'encrypted',
      [
        [0, 'LUKS\xba\xbe\0\x01'],
        [168, UUID],
      ],
      { type: 'luks', name: 'LUKS1 encryption', uuid: UUID },
    ],
    [
      'LUKS2',
      'encrypted',
      [
        [0, 'LUKS\xba\xbe\0\x02'],
        [24, 'secret'],
        [168, UUID],
      ],
      { type: 'luks', name: 'LUKS2 encryption', label: 'secret', uuid: UUID },
    ],
    [
      'a RAID member of version 1.2',
      'raid',
      [
        [4096, little32(0xa92b4efc)],
        [4100, little32(1)],
        [4112, UUID_BYTES],
        [4128, 'host:0'],
      ],
      { type: 'md-raid', label: 'host:0', uuid: UUID },
    ],
    [
      'swap of 64 KiB pages',
      'swap',
      [
        [65526, 'SWAPSPACE2'],
        [1052, 'swap'],
      ],
      { type: 'swap', label: 'swap' },
    ],
    ['old swap', 'swap', [[4086, 'SWAP-SPACE']], { type: 'swap' }],
    ['NTFS', 'file-system', [[3, 'NTFS    '], SERIAL], { type: 'ntfs', uuid: '0123456789ABCDEF' }],
    [
      'ReFS',
      'file-system',
      [
        [3, 'ReFS\0\0\0\0'],
        [16, 'FSRS'],
      ],
      { type: 'refs', name: 'ReFS' },
    ],
    [
      'exFAT',
      'file-system',
      [
        [3, 'EXFAT   '],
        [100, little32(0x5eaf1234)],
      ],
      { type: 'exfat', uuid: '5EAF-1234' },
    ],
    [
      'XFS',
      'file-system',
      [
        [0, 'XFSB'],
        [32, UUID_BYTES],
        [108, 'data'],
      ],
      { type: 'xfs', label: 'data', uuid: UUID },
    ],
    [
      'F2FS',
      'file-system',
      [
        [1024, little32(0xf2f52010)],
        [1132, UUID_BYTES],
      ],
      { type: 'f2fs', uuid: UUID },
    ],
    [
      'EROFS',
      'file-system',
      [
        [1024, little32(0xe0f5e1e2)],
        [1072, UUID_BYTES],
      ],
      { type: 'erofs', uuid: UUID },
    ],
    ['SquashFS', 'file-system', [[0, 'hsqs']], { type: 'squashfs' }],
    ['a swap with a hibernated system', 'swap', [[4086, 'S1SUSPEND\0']], { type: 'swap-suspended' }],
    [
      'UFS2',
      'file-system',
      [
        [65536 + 1372, little32(0x19540119)],
        [65536 + 680, 'rootfs'],
      ],
      { type: 'ufs2', label: 'rootfs' },
    ],
    [
      'a ZFS pool member',
      'file-system',
      [
        [16384, '\x01\x01'],
        [16420, '\0\0\0\x04name\0\0\0\x09\0\0\0\x01\0\0\0\x04tank'],
        [16500, 'pool_guid'],
      ],
      { type: 'zfs', label: 'tank' },
    ],
    [
      'APFS',
      'file-system',
      [
        [32, 'NXSB'],
        [72, UUID_BYTES],
      ],
      { type: 'apfs', uuid: UUID },
    ],
    ['HFS+', 'file-system', [[1024, 'H+']], { type: 'hfsplus' }],
    [
      'ISO 9660',
      'file-system',
      [
        [32768, '\x01CD001'],
        [32808, 'DEBIAN 12   '],
      ],
      { type: 'iso9660', label: 'DEBIAN 12' },
    ],
    [
      'UDF',
      'file-system',
      [
        [32768, '\x01CD001'],
        [34816, '\0NSR03'],
      ],
      { type: 'udf' },
    ],
  ])('%s', async (_, kind, fields, expected) => {
    expect(await found(volumeWith(...fields))).toMatchObject({ kind, ...expected });
  });

  it.each([
    ['ext2', 0, 0x2, 0x1],
    ['ext3', 0x4, 0x2, 0x1],
    ['ext4', 0x4, 0x42, 0x1],
    ['ext4', 0x0, 0x2, 0x400],
    ['ext-journal', 0x4, 0x8, 0],
  ])('detects %s by its features', async (type, compatible, incompatible, readOnly) => {
    const volume = volumeWith(
      [1024 + 56, '\x53\xef'],
      [1024 + 92, little32(compatible)],
      [1024 + 96, little32(incompatible)],
      [1024 + 100, little32(readOnly)],
      [1024 + 120, 'root'],
      [1024 + 136, '/'],
    );
    expect(await found(volume)).toMatchObject({ type, label: 'root', lastMounted: '/' });
  });
});

it('decodes a label that is not UTF-8 as 8-bit characters', async () => {
  const ext = volumeWith([1024 + 56, '\x53\xef'], [1024 + 120, 'gr\xf6\xdfe']);
  expect(await found(ext)).toMatchObject({ label: 'größe' });
  const utf8 = volumeWith([1024 + 56, '\x53\xef'], [1024 + 120, 'gr\xc3\xb6\xc3\x9fe']);
  expect(await found(utf8)).toMatchObject({ label: 'größe' });
});

describe('detects nothing', () => {
  it('in zeros, in noise, and in a boot sector without FAT fields', async () => {
    expect(await found(Buffer.alloc(MIB))).toBeUndefined();
    expect(await found(Buffer.alloc(MIB, 0x5a))).toBeUndefined();
    expect(await found(volumeWith([0, '\xeb'], [510, '\x55\xaa']))).toBeUndefined();
  });

  it('in an empty volume, or beyond the end of the disk', async () => {
    const disk = new MemoryDisk(volumeWith([0, 'XFSB']));
    expect(await detectFileSystem(disk, { offset: 0, length: 0 })).toBeUndefined();
    expect(await detectFileSystem(disk, { offset: 2 * MIB, length: MIB })).toBeUndefined();
  });

  it('from data beyond the end of the volume', async () => {
    const disk = new MemoryDisk(volumeWith([4086, 'SWAPSPACE2']));
    expect(await detectFileSystem(disk, { offset: 0, length: 2048 })).toBeUndefined();
  });
});
