// A disk like that of a Windows installation: GPT, EFI system partition, NTFS with thousands of files and large registry hives.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DISK_ID, WINDOWS_PARTITION, type WindowsContents, windowsFiles } from '../../test/support/golden-windows.ts';
import { dword, expandSz, sz } from '../../test/support/hive-builder.ts';
import type { Bench } from '../bench.ts';
import { runTool } from './tools.ts';

const MIB = 1024 ** 2;
const EFI = { offset: MIB, length: 100 * MIB } as const;
const WINDOWS_OFFSET = 128 * MIB;

/** A dynamic VHDX. Needs root, sfdisk, mkfs.vfat, mtools, ntfs-3g and qemu-img. @throws if one is missing. */
export async function windowsDisk(bench: Bench, size: number): Promise<string> {
  return await bench.image(`windows-${size}.vhdx`, async (path) => {
    const folder = await mkdtemp(join(tmpdir(), 'vhdup-bench-'));
    const raw = join(path, '..', 'windows.raw');
    try {
      await makeRaw(raw, size, folder);
      await runTool('qemu-img', ['convert', '-f', 'raw', '-O', 'vhdx', '-o', 'subformat=dynamic', raw, path]);
    } finally {
      await rm(raw, { force: true });
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function makeRaw(raw: string, size: number, folder: string): Promise<void> {
  await runTool('truncate', ['--size', String(size), raw]);
  const [sectors, start] = [(size - WINDOWS_OFFSET - MIB) / 512, WINDOWS_OFFSET / 512];
  const table = [
    'label: gpt',
    `label-id: ${DISK_ID}`,
    `start=${EFI.offset / 512}, size=${EFI.length / 512}, type=U`,
    `start=${start - 32_768}, size=32768, type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE`,
    `start=${start}, size=${sectors}, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, uuid=${WINDOWS_PARTITION}`,
  ];
  const script = join(folder, 'table');
  await writeFile(script, `${table.join('\n')}\n`);
  await runTool('sh', ['-c', 'sfdisk --quiet "$1" < "$2"', 'sfdisk', raw, script]);
  const { windows, bcd } = windowsFiles(LARGE);
  await runTool('mkfs.vfat', ['-F', '32', '-s', '1', `--offset=${EFI.offset / 512}`, raw, String(EFI.length / 1024)]);
  const efi = {
    '/EFI/BOOT/BOOTX64.EFI': PROGRAM,
    '/EFI/Microsoft/Boot/bootmgfw.efi': PROGRAM,
    '/EFI/Microsoft/Boot/BCD': bcd,
  };
  await plant(join(folder, 'efi'), efi);
  await runTool('mcopy', ['-s', '-i', `${raw}@@${EFI.offset}`, join(folder, 'efi', 'EFI'), '::/']);
  const limits = ['--offset', String(WINDOWS_OFFSET), '--sizelimit', String(sectors * 512)];
  const device = (await runTool('losetup', ['--find', '--show', ...limits, raw])).trim();
  try {
    await runTool('mkntfs', ['-F', '-Q', '-q', device]);
    await fillMounted(device, join(folder, 'ntfs'), windows);
  } finally {
    await runTool('losetup', ['--detach', device]);
  }
}

async function fillMounted(device: string, folder: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await mkdir(folder);
  await runTool('ntfs-3g', [device, folder]);
  try {
    await plant(folder, { ...files, ...MANY });
  } finally {
    await runTool('umount', [folder]);
  }
}

async function plant(folder: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

const PROGRAM = Buffer.from('MZ');

/** As many files as a Windows Server has in the folders that are searched. */
const MANY = Object.fromEntries(
  [
    ['/Windows/System32/library', 4500],
    ['/Windows/System32/drivers/driver', 450],
    ['/Windows/WinSxS/amd64_component', 12_000],
    ['/Windows/INF/oem', 1500],
  ].flatMap(([prefix, count]) =>
    Array.from({ length: Number(count) }, (_, index): [string, Uint8Array] => [`${prefix}-${index}.dll`, PROGRAM]),
  ),
);

/** Services, and the classes that make up most of a SOFTWARE hive. */
const LARGE: Partial<WindowsContents> = {
  system: Object.fromEntries(
    Array.from({ length: 4000 }, (_, index) => [
      `ControlSet001\\Services\\Service${index}`,
      { Start: dword(3), Type: dword(32), ImagePath: expandSz('%SystemRoot%\\System32\\svchost.exe -k netsvcs') },
    ]),
  ),
  software: Object.fromEntries(
    Array.from({ length: 30_000 }, (_, index) => [
      `Classes\\CLSID\\{${String(index).padStart(8, '0')}-0000-0000-C000-000000000046}`,
      { '': sz(`Class ${index}`), ThreadingModel: sz('Both') },
    ]),
  ),
};
