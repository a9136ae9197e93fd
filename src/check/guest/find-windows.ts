// Finds the installations of Windows on a disk, by their registry.
import { type OpenedFileSystem, UnreadableError } from '../../volume/file-systems/opened-file-system.ts';
import type { OpenVolume } from './guest-volumes.ts';
import type { WindowsBoot } from './windows-boot.ts';
import { WindowsSystem } from './windows-system.ts';

/** A Windows, or why it cannot be examined. `name` is that of its volume. */
export type WindowsInstallation =
  | { readonly name: string; readonly system: WindowsSystem }
  | { readonly name: string; readonly unread: string };

export interface FoundWindows {
  /** One for each volume with a Windows. */
  readonly installations: readonly WindowsInstallation[];
  /** Why a volume could not be searched. */
  readonly problems: readonly string[];
}

/** @param volumes Those with NTFS: Windows starts from no other file system. */
export async function findWindows(volumes: readonly OpenVolume[], boot: WindowsBoot): Promise<FoundWindows> {
  const installations: WindowsInstallation[] = [];
  const problems: string[] = [];
  for (const { volume, files } of volumes) {
    const { name } = volume;
    try {
      const opened = await files.opened();
      if (!(await holdsWindows(opened))) continue;
      installations.push(await openInstallation(name, opened, boot, volume.partition));
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      problems.push(`${name}: ${error.message}`);
    }
  }
  return { installations, problems };
}

async function holdsWindows(files: OpenedFileSystem): Promise<boolean> {
  return (await files.stat('/Windows/System32'))?.kind === 'folder';
}

async function openInstallation(
  name: string,
  files: OpenedFileSystem,
  boot: WindowsBoot,
  partition: OpenVolume['volume']['partition'],
): Promise<WindowsInstallation> {
  try {
    const system = await WindowsSystem.open(files, { boot, partition });
    return system === undefined ? { name, unread: 'its registry (SYSTEM, SOFTWARE) is missing' } : { name, system };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { name, unread: error.message };
  }
}
