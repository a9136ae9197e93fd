// Detects the Hyper-V generation that a disk boots: 1 by BIOS, 2 by UEFI.
import type { DiskLayout } from './disk-layout.ts';
import { isBootedByMbrCode } from './partition-types.ts';

export type Generation = 1 | 2;

export interface BootAbility {
  /** Both for a disk that boots either way; none for a data disk, or if it cannot be detected. */
  readonly generations: readonly Generation[];
  /** The evidence. Follows "bootable: no (" or "generation 2: ". */
  readonly reason: string;
}

/** Derived from the partition table alone, so the boot may still fail. */
export function bootAbilityOf({ table, volumes }: DiskLayout): BootAbility {
  if (table === undefined) {
    const reason =
      volumes.length === 0 ? 'no partition table and no file system' : 'a file system without a partition table';
    return { generations: [], reason };
  }
  const hasEfi = table.partitions.some(({ role }) => role === 'efi-system');
  const bios = biosBoot(table);
  const efi = `an EFI system partition on ${table.scheme.toUpperCase()}`;
  if (hasEfi && bios !== undefined) return { generations: [1, 2], reason: `${efi}, and ${bios}` };
  if (hasEfi) return { generations: [2], reason: efi };
  if (bios !== undefined) return { generations: [1], reason: bios };
  return { generations: [], reason: `no EFI system partition, ${missingForBios(table)}` };
}

type Table = NonNullable<DiskLayout['table']>;

/** What a BIOS can boot from, or undefined. */
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
  const own = partitions.find(({ type }) => isBootedByMbrCode(type));
  if (own !== undefined) return `a partition of the type ${own.typeName} and boot code in the protective MBR`;
  if (partitions.some(({ isActive }) => isActive)) {
    return 'a partition marked as bootable by BIOS and boot code in the protective MBR';
  }
  return hasActiveHybrid === true ? 'an active partition in a hybrid MBR, and boot code in it' : undefined;
}

function missingForBios({ scheme }: Table): string {
  return scheme === 'gpt'
    ? 'no BIOS boot partition, and no partition that code in the protective MBR starts'
    : 'no active partition with boot code';
}
