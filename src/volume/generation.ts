// Which Hyper-V generation a disk starts: 1 by BIOS, 2 by UEFI.
import type { DiskLayout } from './disk-layout.ts';
import { isStartedByMbrCode } from './partition-types.ts';

export type Generation = 1 | 2;

export interface BootAbility {
  /** Both for a disk that starts either way; none for a data disk, or where nothing tells. */
  readonly generations: readonly Generation[];
  /** What tells: a sentence without its full stop. */
  readonly reason: string;
}

/** Guessed from the partition table alone: what it says may still fail to start. */
export function bootAbilityOf({ table, volumes }: DiskLayout): BootAbility {
  if (table === undefined) {
    const reason =
      volumes.length === 0
        ? 'there is neither a partition table nor a file system'
        : 'there is a file system without a partition table';
    return { generations: [], reason };
  }
  const hasEfi = table.partitions.some(({ role }) => role === 'efi-system');
  const bios = biosBoot(table);
  const efi = `an EFI system partition on ${table.scheme.toUpperCase()}`;
  if (hasEfi && bios !== undefined) return { generations: [1, 2], reason: `there are ${efi} and ${bios}` };
  if (hasEfi) return { generations: [2], reason: `there is ${efi}` };
  if (bios !== undefined) return { generations: [1], reason: `there is ${bios}` };
  return { generations: [], reason: `there is neither an EFI system partition nor ${biosWants(table)}` };
}

type Table = NonNullable<DiskLayout['table']>;

/** What lets a BIOS start from the disk, or undefined. Fits after "there is ". */
function biosBoot({ scheme, hasBootCode, hasGrub, hasActiveHybrid, partitions }: Table): string | undefined {
  if (scheme === 'mbr') {
    if (hasGrub) return 'GRUB in the MBR';
    // Windows writes boot code on data disks too, and GRUB asks for no active partition.
    const isStarted = hasBootCode && partitions.some(({ isActive }) => isActive);
    return isStarted ? 'an active partition and boot code in the MBR' : undefined;
  }
  if (hasGrub) return 'GRUB in the boot sector';
  if (partitions.some(({ role }) => role === 'bios-boot')) return 'a BIOS boot partition';
  if (!hasBootCode) return undefined;
  const own = partitions.find(({ type }) => isStartedByMbrCode(type));
  if (own !== undefined) return `a partition of the type ${own.typeName} and boot code in the protective MBR`;
  if (partitions.some(({ isActive }) => isActive)) {
    return 'a partition marked as bootable by BIOS and boot code in the protective MBR';
  }
  return hasActiveHybrid === true ? 'an active partition in a hybrid MBR, and boot code in it' : undefined;
}

function biosWants({ scheme }: Table): string {
  return scheme === 'gpt'
    ? 'a BIOS boot partition, nor one that code in the protective MBR starts'
    : 'an active partition with boot code';
}
