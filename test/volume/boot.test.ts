// Detects what a disk can boot and which system it contains: guesses from the layout, with a reason.
import { describe, expect, it } from 'vitest';
import type { DiskLayout, Volume } from '../../src/volume/disk-layout.ts';
import type { FileSystem } from '../../src/volume/file-system.ts';
import { bootAbilityOf } from '../../src/volume/generation.ts';
import { guessOperatingSystem } from '../../src/volume/operating-system.ts';
import type { Partition, PartitionTable } from '../../src/volume/partition-table.ts';
import type { PartitionRole } from '../../src/volume/partition-types.ts';

function partition(role: PartitionRole, isActive = false): Partition {
  return { index: 1, offset: 1048576, length: 1048576, type: '', typeName: role, role, isActive, isLogical: false };
}

function volume(
  role: PartitionRole,
  type?: string,
  more: Partial<Volume & FileSystem> & { isActive?: boolean } = {},
): Volume {
  const { isActive, lastMounted, bootLoaders } = more;
  const range = { offset: 1048576, length: 1048576 };
  const fileSystem: FileSystem | undefined =
    type === undefined
      ? undefined
      : { type, name: type, kind: 'file-system', ...(lastMounted === undefined ? {} : { lastMounted }) };
  return {
    range,
    partition: partition(role, isActive),
    ...(fileSystem === undefined ? {} : { fileSystem }),
    ...(bootLoaders === undefined ? {} : { bootLoaders }),
  };
}

function layout(scheme: 'gpt' | 'mbr', volumes: readonly Volume[], more: Partial<PartitionTable> = {}): DiskLayout {
  const partitions = volumes.flatMap((one) => (one.partition === undefined ? [] : [one.partition]));
  const table: PartitionTable = {
    scheme,
    sectorSize: 512,
    diskId: '',
    partitions,
    hasBootCode: false,
    hasGrub: false,
    problems: [],
    ...more,
  };
  return { table, volumes, problems: [] };
}

/** A GPT partition of this type. */
function typed(type: string): Volume {
  const made = volume('other');
  return { ...made, partition: { ...partition('other'), type } };
}

const EFI = volume('efi-system', 'fat32');
const BIOS_BOOT = volume('bios-boot');
const ROOT = volume('linux', 'ext4');
const ACTIVE = volume('windows-data', 'ntfs', { isActive: true });

describe('the generation is', () => {
  it.each<[string, DiskLayout, number[]]>([
    ['2 with an EFI system partition', layout('gpt', [EFI, ROOT]), [2]],
    ['2 with an EFI system partition on an MBR', layout('mbr', [EFI, ROOT]), [2]],
    ['1 with a BIOS boot partition and code', layout('gpt', [BIOS_BOOT, ROOT], { hasBootCode: true }), [1]],
    ['unknown with a BIOS boot partition and no code', layout('gpt', [BIOS_BOOT, ROOT]), []],
    ['both with both', layout('gpt', [EFI, BIOS_BOOT, ROOT], { hasBootCode: true }), [1, 2]],
    ['2 with both and no code', layout('gpt', [EFI, BIOS_BOOT, ROOT]), [2]],
    ['1 with an active partition and code', layout('mbr', [ACTIVE], { hasBootCode: true }), [1]],
    ['1 with GRUB and no active partition', layout('mbr', [ROOT], { hasBootCode: true, hasGrub: true }), [1]],
    [
      'unknown with boot code alone, which Windows writes on data disks',
      layout('mbr', [ROOT], { hasBootCode: true }),
      [],
    ],
    ...[
      '83bd6b9d-7f41-11dc-be0b-001560b84f0f',
      '49f48d5a-b10e-11dc-b99b-0019d1879648',
      'fe3a2a5d-4f32-41a7-b725-accc3285a309',
    ]
      .concat('6a82cb45-1dd2-11b2-99a6-080020736631', '824cc7a0-36a8-11e3-890a-952519ad3f61')
      .concat('85d5e45e-237c-11e1-b4b3-e89a8f7fc3a7')
      .flatMap((type): [string, DiskLayout, number[]][] => [
        [`1 with a partition of the type ${type} and code`, layout('gpt', [typed(type)], { hasBootCode: true }), [1]],
        [`unknown with a partition of the type ${type} and no code`, layout('gpt', [typed(type)]), []],
        [`both with ${type}, code and EFI`, layout('gpt', [EFI, typed(type)], { hasBootCode: true }), [1, 2]],
      ]),
    ['1 with a partition marked for BIOS, as syslinux wants it', layout('gpt', [ACTIVE], { hasBootCode: true }), [1]],
    ['unknown with a partition marked for BIOS and no code', layout('gpt', [ACTIVE]), []],
    [
      '1 with an active partition in a hybrid MBR',
      layout('gpt', [ROOT], { hasBootCode: true, hasActiveHybrid: true }),
      [1],
    ],
    ['unknown with code alone on a GPT', layout('gpt', [ROOT], { hasBootCode: true }), []],
    ['unknown with an active partition and no code', layout('mbr', [ACTIVE]), []],
    ['unknown on GPT without boot partitions', layout('gpt', [ROOT]), []],
    ['unknown without a table', { volumes: [], problems: [] }, []],
  ])('%s', (_, disk, generations) => {
    expect(bootAbilityOf(disk).generations).toEqual(generations);
    expect(bootAbilityOf(disk).reason).toMatch(/^(an? |no |GRUB )/);
  });
});

it('is uncertain only with code on a GPT that starts nothing known', () => {
  expect(bootAbilityOf(layout('gpt', [ROOT], { hasBootCode: true }))).toEqual({
    generations: [],
    isUncertain: true,
    reason: 'no EFI system partition, and nothing that the code in the protective MBR is known to start',
  });
  for (const certain of [
    layout('gpt', [ROOT]),
    layout('gpt', [BIOS_BOOT, ROOT]),
    layout('gpt', [EFI], { hasBootCode: true }),
    layout('mbr', [ROOT], { hasBootCode: true }),
  ]) {
    expect(bootAbilityOf(certain).isUncertain).toBeUndefined();
  }
});

describe('the operating system is guessed', () => {
  it.each<[string, DiskLayout, object | undefined]>([
    [
      'from the folder of a boot loader, before anything else',
      layout('gpt', [volume('efi-system', 'fat32', { bootLoaders: ['BOOT', 'Microsoft'] }), ROOT]),
      { family: 'windows', reason: 'the boot loader EFI/Microsoft' },
    ],
    [
      'from the folder of a distribution',
      layout('gpt', [volume('efi-system', 'fat32', { bootLoaders: ['BOOT', 'ubuntu'] })]),
      { family: 'linux', name: 'Ubuntu' },
    ],
    ['from BitLocker', layout('gpt', [volume('windows-data', 'bitlocker')]), { family: 'windows' }],
    ['from a recovery partition', layout('mbr', [volume('windows-recovery', 'ntfs')]), { family: 'windows' }],
    ['from an active partition with NTFS', layout('mbr', [ACTIVE]), { family: 'windows' }],
    [
      'from a file system that was mounted as /',
      layout('mbr', [volume('other', 'ext3', { lastMounted: '/' })]),
      { family: 'linux' },
    ],
    ['from LVM', layout('gpt', [EFI, volume('linux-lvm', 'lvm2')]), { family: 'linux' }],
    ['from a FreeBSD partition type', layout('gpt', [volume('freebsd', 'ufs2')]), { family: 'freebsd' }],
    ['not from NTFS on a data disk', layout('gpt', [volume('windows-data', 'ntfs')]), undefined],
    ['not on an empty disk', { volumes: [], problems: [] }, undefined],
  ])('%s', (_, disk, expected) => {
    const guess = guessOperatingSystem(disk);
    if (expected === undefined) expect(guess).toBeUndefined();
    else expect(guess).toMatchObject(expected);
  });
});
