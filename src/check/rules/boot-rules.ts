// Rules about booting: what the firmware of generation 1 or 2 needs.
import { nameOfVolume } from '../../volume/disk-layout.ts';
import { bootAbilityOf } from '../../volume/generation.ts';
import type { CheckFacts } from '../check-facts.ts';
import type { Generation } from '../check-report.ts';
import { fail, pass, type Rule, unlessOsDisk, unread } from '../rule.ts';
import { hasRole, isFat } from '../volumes.ts';

/** Exempts data disks and disks without volumes, which `partition-table` covers. */
function unlessPartitioned(facts: CheckFacts): string | undefined {
  return unlessOsDisk(facts) ?? (facts.layout.volumes.length === 0 ? 'no partitions' : undefined);
}

function onlyForGeneration(generation: Generation): (facts: CheckFacts) => string | undefined {
  return (facts) =>
    unlessPartitioned(facts) ?? (facts.generation === generation ? undefined : `only for generation ${generation}`);
}

/** The code of a boot loader that vhdup does not know may start any partition. */
const UNKNOWN_BOOT_CODE =
  'If the machine boots from this disk by BIOS, create it with --hyper-v-generation V1. Otherwise install a boot loader.';

const GENERATION: Rule = {
  id: 'generation',
  sources: ['disks', 'generation2'],
  level: 'A',
  group: 'boot',
  title: 'Matches the generation',
  reason:
    'Generation 1 boots by BIOS, from an MBR or from a GPT with a BIOS boot loader. Generation 2 boots by UEFI, from a GPT. The generation of a machine cannot be changed.',
  exempt: unlessPartitioned,
  run: ({ generation, layout }) => {
    const scheme = layout.table?.scheme;
    const { generations, isUncertain, reason } = bootAbilityOf(layout);
    const found = scheme === undefined ? 'no partition table' : `${scheme.toUpperCase()}: ${reason}`;
    if (isUncertain === true && generation !== 2) return unread(found, UNKNOWN_BOOT_CODE);
    if (generation === undefined) {
      return fail(found, 'Install a boot loader; for generation 2, in an EFI system partition.');
    }
    const fits = generation === 2 ? scheme === 'gpt' : scheme === 'mbr' || generations.includes(1);
    if (fits) return pass(`${scheme?.toUpperCase()} for generation ${generation}`);
    return generation === 1
      ? fail(found, 'Create the machine with --hyper-v-generation V2, and check with --generation 2.')
      : fail(
          found,
          'Create the machine with --hyper-v-generation V1, or convert the disk (mbr2gpt on Windows, gdisk and a new boot loader on Linux).',
        );
  },
};

const BIOS_BOOT_CODE: Rule = {
  id: 'bios-boot-code',
  sources: ['experience'],
  level: 'A',
  group: 'boot',
  title: 'BIOS boot code',
  reason:
    'A BIOS runs the code in the first sector of the disk. The code that Windows writes there starts the active partition; GRUB needs no active partition.',
  exempt: onlyForGeneration(1),
  run: ({ layout }) => {
    const { table } = layout;
    const fix =
      'Install a boot loader (grub-install; on Windows bootsect /mbr and diskpart, active), or use generation 2.';
    if (table?.hasBootCode !== true) return fail('no code in the first sector', fix);
    if (table.hasGrub) return pass('GRUB in the first sector');
    if (table.scheme === 'gpt') {
      const { generations, reason } = bootAbilityOf(layout);
      return generations.includes(1)
        ? pass(`code in the first sector: ${reason}`)
        : unread('code in the first sector, but no partition that it is known to start', UNKNOWN_BOOT_CODE);
    }
    return table.partitions.some(({ isActive }) => isActive)
      ? pass('code in the first sector, and an active partition')
      : fail('code in the first sector, but no active partition', fix);
  },
};

const EFI_SYSTEM_PARTITION: Rule = {
  id: 'efi-system-partition',
  sources: ['generation2', 'uefi'],
  level: 'A',
  group: 'boot',
  title: 'EFI system partition',
  reason: 'UEFI loads the boot loader from a FAT file system on the EFI system partition.',
  exempt: onlyForGeneration(2),
  run: ({ layout }) => {
    const volume = layout.volumes.find((candidate) => hasRole(candidate, 'efi-system'));
    if (volume === undefined) return fail('none', 'Create one and install a boot loader in it, or use generation 1.');
    const found = `${nameOfVolume(volume)}, ${volume.fileSystem?.name ?? 'without a known file system'}`;
    return isFat(volume) ? pass(found) : fail(found, 'Format it as FAT32 and install a boot loader in it.');
  },
};

/** One per architecture that Azure offers. */
const FALLBACK_LOADERS = ['/EFI/BOOT/BOOTX64.EFI', '/EFI/BOOT/BOOTAA64.EFI'] as const;

const EFI_BOOT_LOADER: Rule = {
  id: 'efi-boot-loader',
  sources: ['uefi'],
  level: 'B',
  group: 'boot',
  title: 'EFI boot loader',
  reason:
    'The firmware of a machine stores its boot entries, not the disk. A new machine therefore looks for \\EFI\\BOOT\\BOOTX64.EFI.',
  exempt: onlyForGeneration(2),
  run: async ({ efi }) => {
    if (efi === undefined) return unread('no readable EFI system partition', 'Create one.');
    for (const path of FALLBACK_LOADERS) {
      const entry = await efi.look(path);
      if (entry.kind === 'file' && entry.size > 0) return pass(path.replaceAll('/', '\\'));
    }
    return fail(
      'no \\EFI\\BOOT\\BOOTX64.EFI, no \\EFI\\BOOT\\BOOTAA64.EFI',
      'Install the boot loader there too: grub-install --removable, bootctl install, or bcdboot.',
    );
  },
};

export const BOOT_RULES: readonly Rule[] = [GENERATION, BIOS_BOOT_CODE, EFI_SYSTEM_PARTITION, EFI_BOOT_LOADER];
