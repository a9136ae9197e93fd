// Finds the Linux on a disk: which of its file systems is the root, and which /boot.
import { GuestUnreadableError } from './guest-files.ts';
import type { GuestFileSystem } from './guest-protocol.ts';
import { LinuxSystem } from './linux-system.ts';

/** Any of these makes a root: the first two are everywhere, the third is where the second may lead. */
const SIGNS_OF_ROOT = ['/etc/fstab', '/etc/os-release', '/usr/lib/os-release'] as const;
const SIGNS_OF_BOOT = ['/grub/grub.cfg', '/grub2/grub.cfg', '/grub2/grubenv', '/loader/entries'] as const;

export interface FoundLinux {
  readonly system: LinuxSystem | undefined;
  /** Why a file system could not be looked into. */
  readonly problems: readonly string[];
}

/** @param volumes By the name of their partition. */
export async function findLinux(
  volumes: ReadonlyMap<string, GuestFileSystem>,
  efi: GuestFileSystem | undefined,
): Promise<FoundLinux> {
  const problems: string[] = [];
  let root: GuestFileSystem | undefined;
  let boot: GuestFileSystem | undefined;
  for (const [name, files] of volumes) {
    try {
      if (root === undefined && (await hasOneOf(files, SIGNS_OF_ROOT))) root = files;
      else if (boot === undefined && (await hasOneOf(files, SIGNS_OF_BOOT))) boot = files;
    } catch (error) {
      if (!(error instanceof GuestUnreadableError)) throw error;
      problems.push(`${name}: ${error.message}`);
    }
  }
  if (root === undefined) return { system: undefined, problems };
  const system = new LinuxSystem({
    root,
    ...(boot === undefined ? {} : { boot }),
    ...(efi === undefined ? {} : { efi }),
  });
  return { system, problems };
}

async function hasOneOf(files: GuestFileSystem, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    if ((await files.look(path)).kind !== 'absent') return true;
  }
  return false;
}
