// Finds the Linux installations on a disk: which file system is the root, and which is /boot.
import { printable } from '../../base/printable.ts';
import { type FoundRoot, findRoots, hasOneOf } from './find-roots.ts';
import { type GuestFileSystem, GuestUnreadableError } from './guest-file-system.ts';
import { LinuxSystem } from './linux-system.ts';

const BOOT_FILES = ['/grub/grub.cfg', '/grub2/grub.cfg', '/grub2/grubenv', '/loader/entries'] as const;

export interface NamedSystem {
  /** Name of the partition or logical volume that holds its root, and of the subvolume if it is not the default one. */
  readonly name: string;
  readonly system: LinuxSystem;
}

export interface FoundLinux {
  /** One per root: a disk may have several installations. */
  readonly systems: readonly NamedSystem[];
  /** Why a file system could not be examined. */
  readonly problems: readonly string[];
}

/**
 * @param volumes Keyed by the name of their partition or logical volume.
 * @param volumeNamed The volume that a device of fstab names.
 */
export async function findLinux(
  volumes: ReadonlyMap<string, GuestFileSystem>,
  efi: GuestFileSystem | undefined,
  volumeNamed?: (device: string) => GuestFileSystem | undefined,
): Promise<FoundLinux> {
  const problems: string[] = [];
  const roots: (FoundRoot & { readonly volume: string })[] = [];
  let boot: GuestFileSystem | undefined;
  for (const [volume, files] of volumes) {
    try {
      const found = await findRoots(files);
      roots.push(...found.map((root) => ({ ...root, volume })));
      if (found.length === 0 && boot === undefined && (await hasOneOf(files, BOOT_FILES))) boot = files;
    } catch (error) {
      if (!(error instanceof GuestUnreadableError)) throw error;
      problems.push(`${volume}: ${error.message}`);
    }
  }
  const shared = {
    ...(boot === undefined ? {} : { boot }),
    ...(efi === undefined ? {} : { efi }),
    ...(volumeNamed === undefined ? {} : { volumeNamed }),
  };
  const systems = roots.map(({ volume, subvolume, files, mounted }) => ({
    name: subvolume === undefined ? volume : printable(`${volume}, subvolume ${subvolume}`),
    system: new LinuxSystem({ root: files, mounted, ...shared }),
  }));
  return { systems, problems };
}
