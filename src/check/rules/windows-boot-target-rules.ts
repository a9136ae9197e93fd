// Rules about what the firmware starts: the boot manager of Windows, and the Windows that its boot configuration names.
// Sources: Microsoft, "Prepare a Windows VHD or VHDX to upload to Azure", "BCD reference".
import { BOOT_CONFIGURATION, BOOT_ELEMENT } from '../../volume/boot-configuration/boot-configuration.ts';
import type { BootDevice } from '../../volume/boot-configuration/boot-device.ts';
import type { DiskLayout } from '../../volume/disk-layout.ts';
import { UnreadableError } from '../../volume/file-systems/opened-file-system.ts';
import type { Partition } from '../../volume/partition-table.ts';
import type { WindowsSystem } from '../guest/windows-system.ts';
import { fail, pass, type Rule } from '../rule.ts';
import { BCDBOOT, bootRule } from './windows-boot-rule.ts';
import { notApplicable, windowsRule } from './windows-rule.ts';

const BOOT_MANAGER = windowsRule({
  id: 'windows-boot-manager',
  sources: ['generation2', 'windows'],
  group: 'boot',
  title: 'Boot manager of Windows',
  reason: 'The firmware of generation 2 starts bootmgfw.efi, and the boot code of generation 1 starts bootmgr.',
  run: async ({ boot }) => {
    if (!boot.isRead) throw new UnreadableError(boot.reason);
    const path = boot.path === BOOT_CONFIGURATION.efi ? '/EFI/Microsoft/Boot/bootmgfw.efi' : '/bootmgr';
    const entry = await boot.files.stat(path);
    const found = `${path.replaceAll('/', '\\')} on ${boot.name}`;
    if (entry?.kind === 'file' && entry.size > 0) return pass(found);
    return fail(`no ${found}`, BCDBOOT);
  },
});

const TARGET = bootRule({
  id: 'windows-bcd-target',
  sources: ['bootError', 'windows'],
  title: 'Boot entry leads to Windows',
  reason: 'A boot entry that names a partition or a loader that does not exist stops the boot with 0xc000000e.',
  isForMissing: true,
  run: async ({ bcd, loader }, windows, facts) => {
    const problems: string[] = [];
    for (const [name, element] of DEVICES) {
      const found = partitionOf(await bcd.device(loader, element), windows, facts.layout);
      if (found.problem !== undefined) {
        problems.push(`${name}: ${found.problem}`);
        continue;
      }
      const other = otherThan(found.partition, windows);
      if (other === undefined) continue;
      const isOtherWindows = (facts.windows ?? []).some(
        (one) => 'system' in one && one.system.partition?.index === other.index,
      );
      if (isOtherWindows) return notApplicable(`the default entry starts the Windows on partition ${other.index}`);
      problems.push(`${name}: partition ${other.index}, but Windows is on partition ${windows.partition?.index}`);
    }
    const path = (await bcd.text(loader, BOOT_ELEMENT.path)) ?? '';
    const wanted = facts.generation === 2 ? 'winload.efi' : 'winload.exe';
    if (facts.generation !== undefined && !path.toLowerCase().endsWith(`\\${wanted}`)) {
      problems.push(`path is ${path || 'not set'}, not ${wanted}, for generation ${facts.generation}`);
    } else if ((await windows.files.stat(path.replaceAll('\\', '/'))) === undefined) {
      problems.push(`path: there is no ${path}`);
    }
    const root = await bcd.text(loader, BOOT_ELEMENT.systemRoot);
    if (root?.toLowerCase() !== '\\windows') problems.push(`systemroot is ${root ?? 'not set'}, not \\Windows`);
    return problems.length === 0 ? pass(path) : fail(problems.join('; '), BCDBOOT);
  },
});

const DEVICES = [
  ['device', BOOT_ELEMENT.device],
  ['osdevice', BOOT_ELEMENT.osDevice],
] as const;

interface FoundPartition {
  /** Undefined for one that is searched for when the machine starts. */
  readonly partition?: Partition | undefined;
  readonly problem?: string;
}

/** The partition of the disk that the device names, or why it names none. */
function partitionOf(device: BootDevice | undefined, { boot }: WindowsSystem, { table }: DiskLayout): FoundPartition {
  switch (device?.kind) {
    case undefined:
      return { problem: 'not set' };
    case 'boot':
      return { partition: boot.isRead ? boot.partition : undefined };
    case 'locate':
      return {};
    case 'other':
      return { problem: `a device of the type ${device.type}, which is no partition` };
    case 'gpt': {
      const { partitionId, diskId } = device;
      if (table?.scheme !== 'gpt' || table.diskId.toLowerCase() !== diskId) return ofAnotherDisk(diskId, table);
      const partition = table.partitions.find(({ id }) => id?.toLowerCase() === partitionId);
      return partition === undefined ? { problem: `no partition has the id ${partitionId}` } : { partition };
    }
    case 'mbr': {
      const { offset, diskId } = device;
      if (table?.scheme !== 'mbr' || table.diskId.toLowerCase() !== diskId) return ofAnotherDisk(diskId, table);
      const partition = table.partitions.find((one) => BigInt(one.offset) === offset);
      return partition === undefined ? { problem: `no partition begins at ${offset}` } : { partition };
    }
  }
}

function ofAnotherDisk(id: string, table: DiskLayout['table']): FoundPartition {
  return { problem: `a partition of the disk ${id}, but this is the disk ${table?.diskId ?? 'without an id'}` };
}

/** The partition, if it is not that of Windows. */
function otherThan(partition: Partition | undefined, windows: WindowsSystem): Partition | undefined {
  return windows.partition === undefined || partition?.index === windows.partition.index ? undefined : partition;
}

export const WINDOWS_BOOT_TARGET_RULES: readonly Rule[] = [BOOT_MANAGER, TARGET];
