// Finds the Linux installations on a disk: which file system is the root, and which is /boot.
import { type GuestFileSystem, GuestUnreadableError } from './guest-file-system.ts';
import { LinuxSystem } from './linux-system.ts';

/** Any of these marks a root. Every distribution has the first two; the second may be a link to the third. */
const ROOT_FILES = ['/etc/fstab', '/etc/os-release', '/usr/lib/os-release'] as const;
const BOOT_FILES = ['/grub/grub.cfg', '/grub2/grub.cfg', '/grub2/grubenv', '/loader/entries'] as const;

export interface NamedSystem {
  /** Name of the partition that holds its root. */
  readonly name: string;
  readonly system: LinuxSystem;
}

export interface FoundLinux {
  /** One per root: a disk may have several installations. */
  readonly systems: readonly NamedSystem[];
  /** Why a file system could not be examined. */
  readonly problems: readonly string[];
}

/** @param volumes Keyed by the name of their partition. */
export async function findLinux(
  volumes: ReadonlyMap<string, GuestFileSystem>,
  efi: GuestFileSystem | undefined,
): Promise<FoundLinux> {
  const problems: string[] = [];
  const roots = new Map<string, GuestFileSystem>();
  let boot: GuestFileSystem | undefined;
  for (const [name, files] of volumes) {
    try {
      if (await hasOneOf(files, ROOT_FILES)) roots.set(name, files);
      else if (boot === undefined && (await hasOneOf(files, BOOT_FILES))) boot = files;
    } catch (error) {
      if (!(error instanceof GuestUnreadableError)) throw error;
      problems.push(`${name}: ${error.message}`);
    }
  }
  const shared = { ...(boot === undefined ? {} : { boot }), ...(efi === undefined ? {} : { efi }) };
  const systems = [...roots].map(([name, root]) => ({ name, system: new LinuxSystem({ root, ...shared }) }));
  return { systems, problems };
}

async function hasOneOf(files: GuestFileSystem, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    if ((await files.look(path)).kind !== 'absent') return true;
  }
  return false;
}
