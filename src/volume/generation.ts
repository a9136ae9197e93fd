// Detects the Hyper-V generation that a disk boots: 1 by BIOS, 2 by UEFI.
import type { DiskLayout } from './disk-layout.ts';
import { isBootedByMbrCode } from './partition-types.ts';

export type Generation = 1 | 2;

export interface BootAbility {
  /** Both for a disk that boots either way; none for a data disk, or if it cannot be detected. */
  readonly generations: readonly Generation[];
  /** Present if code in the protective MBR of a GPT may boot the disk, but nothing is found that it is known to start. */
  readonly isUncertain?: true;
  /** The evidence. Follows "bootable: no (", "bootable: unknown (" or "generation 2: ". */
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
  if (table.scheme === 'gpt' && table.hasBootCode) {
    const reason = 'no EFI system partition, and nothing that the code in the protective MBR is known to start';
    return { generations: [], isUncertain: true, reason };
  }
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
  if (!hasBootCode) return undefined;
  if (hasBiosBoot(partitions)) return 'a BIOS boot partition and boot code in the protective MBR';
  const own = partitions.find(({ type }) => isBootedByMbrCode(type));
  if (own !== undefined) return `a partition of the type ${own.typeName} and boot code in the protective MBR`;
  if (partitions.some(({ isActive }) => isActive)) {
    return 'a partition marked as bootable by BIOS and boot code in the protective MBR';
  }
  return hasActiveHybrid === true ? 'an active partition in a hybrid MBR, and boot code in it' : undefined;
}

function hasBiosBoot(partitions: Table['partitions']): boolean {
  return partitions.some(({ role }) => role === 'bios-boot');
}

function missingForBios({ scheme, partitions }: Table): string {
  if (scheme === 'mbr') return 'no active partition with boot code';
  return hasBiosBoot(partitions)
    ? 'a BIOS boot partition, but no boot code in the protective MBR'
    : 'no BIOS boot partition, and no boot code in the protective MBR';
}
