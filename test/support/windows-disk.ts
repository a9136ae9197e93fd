// Disks with a Windows, for both generations, as Windows Setup and bcdboot lay them out.
import { mbrDevice } from './boot-configuration-builder.ts';
import { DISK_ID, LOADER, WINDOWS_PARTITION, type WindowsContents, windowsFiles } from './golden-windows.ts';
import type { GuestDisk, GuestPartition } from './guest-disk.ts';

const PROGRAM = Buffer.from('MZ');
const SIGNATURE = 0x12345678;
/** Of the first partition, in bytes. */
const FIRST = 1024 * 1024;

const MSR: GuestPartition = { size: 1, type: 'E3C9E316-0B5C-4DB8-817D-F92DF00215AE' };
/** In MiB. */
const SIZE = 24;

/** For generation 2: EFI system partition, reserved partition, Windows. */
export function windowsGpt(...changes: readonly Partial<WindowsContents>[]): GuestDisk {
  const { windows, bcd } = windowsFiles(...changes);
  const efi: GuestPartition = {
    size: 8,
    type: 'U',
    fileSystem: 'vfat',
    files: {
      '/EFI/BOOT/BOOTX64.EFI': PROGRAM,
      '/EFI/Microsoft/Boot/bootmgfw.efi': PROGRAM,
      '/EFI/Microsoft/Boot/BCD': bcd,
    },
  };
  return { table: 'gpt', id: DISK_ID, partitions: [efi, MSR, windowsPartition(windows, WINDOWS_PARTITION)] };
}

export function windowsPartition(files: Readonly<Record<string, Uint8Array>>, id: string): GuestPartition {
  return { size: SIZE, type: 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7', id, fileSystem: 'ntfs', files };
}

/** For generation 1: one active partition. */
export function windowsMbr(...changes: readonly Partial<WindowsContents>[]): GuestDisk {
  const { windows, bcd } = windowsFiles(OF_GENERATION_1, ...changes);
  const files = { ...windows, '/bootmgr': PROGRAM, '/Boot/BCD': bcd };
  const partition: GuestPartition = { size: SIZE, type: '7', bootable: true, fileSystem: 'ntfs', files };
  return { table: 'dos', id: `0x${SIGNATURE.toString(16)}`, hasBootCode: true, partitions: [partition] };
}

const OF_GENERATION_1: Partial<WindowsContents> = {
  bcd: {
    [LOADER]: {
      11000001: mbrDevice(BigInt(FIRST), SIGNATURE),
      '12000002': '\\Windows\\system32\\winload.exe',
      21000001: mbrDevice(BigInt(FIRST), SIGNATURE),
    },
  },
  files: { '/Windows/System32/winload.exe': PROGRAM },
};
