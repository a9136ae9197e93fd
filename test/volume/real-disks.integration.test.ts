// Detects the contents of disks that Debian tools made.
import { describe, expect, it } from 'vitest';
import { ImageFile } from '../../src/image/image-file.ts';
import { openRawImage } from '../../src/image/raw-image.ts';
import { readDiskLayout } from '../../src/volume/disk-layout.ts';
import { bootAbilityOf } from '../../src/volume/generation.ts';
import { guessOperatingSystem } from '../../src/volume/operating-system.ts';
import { type GuestDisk, makeDisk, NO_DISK_TOOLS } from '../support/guest-disk.ts';

const MIB = 1024 * 1024;
const EFI = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';
const BIOS_BOOT = '21686148-6449-6e6f-744e-656564454649';
const SWAP = '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f';
const ROOT = '4f68bce3-e8cd-4db1-96e7-fbcaf984b709';

async function looked(disk: GuestDisk) {
  const file = await ImageFile.open(await makeDisk(disk));
  try {
    const layout = await readDiskLayout(await openRawImage(file, {}));
    return { ...layout, boot: bootAbilityOf(layout).generations, system: guessOperatingSystem(layout) };
  } finally {
    await file.close();
  }
}

describe.skipIf(NO_DISK_TOOLS !== undefined)(`a real disk ${NO_DISK_TOOLS ?? ''}`, () => {
  it('from Ubuntu has a GPT, EFI, ext4 and swap', async () => {
    const found = await looked({
      table: 'gpt',
      partitions: [
        {
          size: 34,
          type: EFI,
          fileSystem: 'vfat',
          mkfs: ['-F', '32', '-n', 'UEFI', '-i', '5eaf1234'],
          files: {
            '/EFI/BOOT/BOOTX64.EFI': 'x',
            '/EFI/ubuntu/shimx64.efi': 'x',
            '/EFI/A long name of a folder/x': 'x',
          },
        },
        { size: 8, type: ROOT, fileSystem: 'ext4', mkfs: ['-L', 'cloudimg-rootfs'], files: { '/etc/fstab': '' } },
        { size: 2, type: SWAP, fileSystem: 'swap', mkfs: ['-L', 'swap'] },
      ],
    });
    expect(found).toMatchObject({
      problems: [],
      boot: [2],
      system: { family: 'linux', name: 'Ubuntu', reason: 'the boot loader EFI/ubuntu' },
      table: { scheme: 'gpt', sectorSize: 512, hasBootCode: false },
      volumes: [
        {
          range: { offset: MIB, length: 34 * MIB },
          partition: { index: 1, role: 'efi-system', typeName: 'EFI system' },
          fileSystem: { type: 'fat32', name: 'FAT32', label: 'UEFI', uuid: '5EAF-1234' },
        },
        {
          range: { offset: 35 * MIB, length: 8 * MIB },
          partition: { index: 2, role: 'linux-root', typeName: 'Linux root (x86-64)' },
          fileSystem: { type: 'ext4', label: 'cloudimg-rootfs' },
        },
        { partition: { index: 3, role: 'linux-swap' }, fileSystem: { type: 'swap', kind: 'swap', label: 'swap' } },
      ],
    });
    expect(found.volumes[0]?.bootLoaders?.toSorted()).toEqual(['A long name of a folder', 'BOOT', 'ubuntu']);
  });

  it('boots with both BIOS and UEFI', async () => {
    const disk: GuestDisk = {
      table: 'gpt',
      hasBootCode: true,
      partitions: [
        { size: 1, type: BIOS_BOOT },
        { size: 2, type: EFI, fileSystem: 'vfat', files: { '/EFI/debian/shimx64.efi': 'x' } },
        { size: 4, type: ROOT },
      ],
    };
    const found = await looked(disk);
    expect(found).toMatchObject({ boot: [1, 2], system: { name: 'Debian' }, problems: [] });
    expect(found.volumes[1]?.fileSystem?.type).toBe('fat12');
    expect(found.volumes[2]?.fileSystem).toBeUndefined();
  });

  it('from Windows has an MBR with an active NTFS partition', async () => {
    const found = await looked({
      table: 'dos',
      hasBootCode: true,
      partitions: [{ size: 8, type: '7', bootable: true, fileSystem: 'ntfs', mkfs: ['-L', 'System'] }],
    });
    expect(found).toMatchObject({
      boot: [1],
      system: { family: 'windows' },
      volumes: [
        {
          partition: { isActive: true, type: '0x07' },
          fileSystem: { type: 'ntfs', uuid: expect.stringMatching(/^[0-9A-F]{16}$/) },
        },
      ],
    });
  });

  it('for data has an MBR with FAT16, ext4 and XFS', async () => {
    const found = await looked({
      table: 'dos',
      partitions: [
        { size: 16, type: 'e', fileSystem: 'vfat', mkfs: ['-F', '16', '-n', 'DATA'] },
        { size: 8, type: '83', fileSystem: 'ext4' },
        { size: 320, type: '83', fileSystem: 'xfs', mkfs: ['-L', 'big'] },
      ],
    });
    expect(found).toMatchObject({
      boot: [],
      volumes: [
        { fileSystem: { type: 'fat16', label: 'DATA' } },
        { fileSystem: { type: 'ext4' } },
        { fileSystem: { type: 'xfs', label: 'big' } },
      ],
    });
  });

  it.each([
    ['FAT', 'vfat', 'fat16'],
    ['NTFS', 'ntfs', 'ntfs'],
    ['ext4', 'ext4', 'ext4'],
    ['LUKS', 'luks', 'luks'],
  ] as const)('has %s without a partition table', async (_, fileSystem, type) => {
    const found = await looked({ table: 'none', size: 24, partitions: [{ size: 24, type: '', fileSystem }] });
    expect(found.table).toBeUndefined();
    expect(found.volumes).toMatchObject([{ range: { offset: 0, length: 24 * MIB }, fileSystem: { type } }]);
    expect({ boot: found.boot, system: found.system, problems: found.problems }).toEqual({ boot: [], problems: [] });
  });

  it.each(['gpt', 'dos'] as const)('has an empty %s partition table', async (table) => {
    const found = await looked({ table, size: 8, partitions: [] });
    expect(found).toMatchObject({
      table: { scheme: table === 'gpt' ? 'gpt' : 'mbr', partitions: [] },
      volumes: [],
      problems: [],
    });
  });

  it('has nothing if it is empty', async () => {
    expect(await looked({ table: 'none', size: 8, partitions: [] })).toEqual({ volumes: [], problems: [], boot: [] });
  });
});
