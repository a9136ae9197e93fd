// Which Hyper-V generation a disk starts: 1 by BIOS, 2 by UEFI.
import type { DiskLayout } from './disk-layout.ts';

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
  const { can: hasBios, why } = biosBoot(table);
  const efi = `an EFI system partition on ${table.scheme.toUpperCase()}`;
  if (hasEfi && hasBios) return { generations: [1, 2], reason: `there are ${efi} and ${why}` };
  if (hasEfi) return { generations: [2], reason: `there is ${efi}` };
  if (hasBios) return { generations: [1], reason: `there is ${why}` };
  return { generations: [], reason: `there is neither an EFI system partition nor ${biosWants(table)}` };
}

type Table = NonNullable<DiskLayout['table']>;

function biosBoot(table: Table): { can: boolean; why: string } {
  const { scheme, hasBootCode, hasGrub, partitions } = table;
  if (scheme === 'gpt') {
    const can = partitions.some(({ role }) => role === 'bios-boot') || hasGrub;
    return { can, why: hasGrub ? 'GRUB in the boot sector' : 'a BIOS boot partition' };
  }
  // Windows writes boot code on data disks too, and GRUB asks for no active partition.
  const hasActive = partitions.some(({ isActive }) => isActive);
  return {
    can: hasGrub || (hasBootCode && hasActive),
    why: hasGrub ? 'GRUB in the MBR' : 'an active partition and boot code in the MBR',
  };
}

function biosWants({ scheme }: Table): string {
  return scheme === 'gpt' ? 'a BIOS boot partition' : 'an active partition with boot code';
}
