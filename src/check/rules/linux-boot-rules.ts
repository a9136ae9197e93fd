// Rules about Secure Boot of a Linux, and the list of all its rules of the group "boot".
import { printable } from '../../base/printable.ts';
import type { GuestFileSystem } from '../guest/guest-file-system.ts';
import { notApplicable, pass, type Rule, unread, warn } from '../rule.ts';
import { INITRAMFS_RULES } from './linux-module-rules.ts';
import { linuxRule } from './linux-rule.ts';
import { TRUSTED_LAUNCH_RULE } from './linux-version-rules.ts';

/** The loader of each architecture, with the names that belong beside it. */
const LOADERS = [
  { loader: 'BOOTX64.EFI', grub: 'grubx64.efi', fallback: 'fbx64.efi' },
  { loader: 'BOOTAA64.EFI', grub: 'grubaa64.efi', fallback: 'fbaa64.efi' },
] as const;

const FOLDER = '/EFI/BOOT';

/** In bytes: shim has about 1 MiB. */
const MAX_LOADER = 8 * 1024 * 1024;

/** Its banner, and its line in the section .sbat, which it has since 15.3. */
const SHIM_MARKS = ['UEFI SHIM', 'shim,'] as const;

const SECURE_BOOT = linuxRule({
  id: 'secure-boot-linux',
  sources: ['ubuntu', 'trustedLaunch'],
  group: 'boot',
  title: 'Boots with Secure Boot',
  reason:
    'Trusted Launch starts only loaders that Microsoft has signed. On the fallback path that is shim, which then starts GRUB from the same folder.',
  exempt: ({ generation }) => (generation === 2 ? undefined : 'only for generation 2'),
  run: async (_, { efi }) => {
    if (efi === undefined) return unread('no readable EFI system partition', 'Check it in the running machine.');
    for (const { loader, grub, fallback } of LOADERS) {
      const path = `${FOLDER}/${loader}`;
      if ((await efi.look(path)).kind !== 'file') continue;
      const shown = `\\EFI\\BOOT\\${loader}`;
      if (!(await isShim(efi, path))) {
        return warn(
          `${shown} is not shim`,
          'Install shim there: grub-install with shim-signed on Debian and Ubuntu, dnf reinstall shim-x64 grub2-efi-x64 on Red Hat, shim-install --removable on SUSE.',
        );
      }
      const next = await firstOf(efi, [`${FOLDER}/${grub}`, `${FOLDER}/${fallback}`]);
      return next === undefined
        ? warn(
            `${shown} is shim, but neither ${grub} nor ${fallback} is beside it`,
            `Run in the guest: sudo cp /boot/efi/EFI/*/${grub} /boot/efi/EFI/BOOT/`,
          )
        : pass(printable(`${shown} is shim, with ${next} beside it`));
    }
    return notApplicable('no loader on the fallback path, which efi-boot-loader reports');
  },
});

async function isShim(efi: GuestFileSystem, path: string): Promise<boolean> {
  const bytes = Buffer.from(await efi.read(path, 0, MAX_LOADER));
  return SHIM_MARKS.some((mark) => bytes.includes(mark, 0, 'latin1'));
}

/** FAT does not distinguish the case of names. */
async function firstOf(efi: GuestFileSystem, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    if ((await efi.look(path)).kind === 'file') return path.slice(FOLDER.length + 1);
  }
  return undefined;
}

export const LINUX_BOOT_RULES: readonly Rule[] = [...INITRAMFS_RULES, SECURE_BOOT, TRUSTED_LAUNCH_RULE];
