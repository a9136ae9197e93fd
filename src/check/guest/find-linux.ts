// Finds the Linux on a disk: which of its file systems is the root, and which /boot.
import { GuestUnreadableError } from './guest-files.ts';
import type { GuestFileSystem } from './guest-protocol.ts';
import { LinuxSystem } from './linux-system.ts';

/** Any of these makes a root: the first two are everywhere, the third is where the second may lead. */
const SIGNS_OF_ROOT = ['/etc/fstab', '/etc/os-release', '/usr/lib/os-release'] as const;
const SIGNS_OF_BOOT = ['/grub/grub.cfg', '/grub2/grub.cfg', '/grub2/grubenv', '/loader/entries'] as const;

export interface NamedSystem {
  /** Of the partition that its root is on. */
  readonly name: string;
  readonly system: LinuxSystem;
}

export interface FoundLinux {
  /** One for each root: a disk may have several installations. */
  readonly systems: readonly NamedSystem[];
  /** Why a file system could not be looked into. */
  readonly problems: readonly string[];
}

/** @param volumes By the name of their partition. */
export async function findLinux(
  volumes: ReadonlyMap<string, GuestFileSystem>,
  efi: GuestFileSystem | undefined,
): Promise<FoundLinux> {
  const problems: string[] = [];
  const roots = new Map<string, GuestFileSystem>();
  let boot: GuestFileSystem | undefined;
  for (const [name, files] of volumes) {
    try {
      if (await hasOneOf(files, SIGNS_OF_ROOT)) roots.set(name, files);
      else if (boot === undefined && (await hasOneOf(files, SIGNS_OF_BOOT))) boot = files;
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
