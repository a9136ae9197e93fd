// WindowsBoot: the partition that the firmware starts Windows from, with its boot configuration.
import {
  BOOT_CONFIGURATION,
  type BootConfiguration,
  openBootConfigurationAt,
} from '../../volume/boot-configuration/boot-configuration.ts';
import type { ContentVolume } from '../../volume/content-volumes.ts';
import { type OpenedFileSystem, UnreadableError } from '../../volume/file-systems/opened-file-system.ts';
import type { Partition } from '../../volume/partition-table.ts';
import type { Generation } from '../check-report.ts';
import { hasRole, isFat } from '../volumes.ts';
import type { GuestFiles } from './guest-files.ts';

export type WindowsBoot =
  | {
      readonly isRead: true;
      /** "partition 1 (EFI system partition)" */
      readonly name: string;
      readonly partition: Partition | undefined;
      readonly files: OpenedFileSystem;
      /** Where the boot configuration is looked for. */
      readonly path: string;
      /** Undefined if there is no such file; a reason if it cannot be read. */
      readonly bcd: BootConfiguration | { readonly unread: string } | undefined;
    }
  /** Why the partition is not known. */
  | { readonly isRead: false; readonly reason: string };

export interface BootPartition {
  readonly volume: ContentVolume;
  readonly files: GuestFiles;
}

/** Generation 2 starts from the EFI system partition, generation 1 from the active partition. */
export async function openWindowsBoot(
  volumes: readonly BootPartition[],
  generation: Generation | undefined,
): Promise<WindowsBoot> {
  const efi = volumes.find(({ volume }) => hasRole(volume, 'efi-system') && isFat(volume));
  const active = volumes.find(({ volume }) => volume.partition?.isActive === true);
  const found = generation === 1 ? active : (efi ?? (generation === 2 ? undefined : active));
  if (found === undefined) {
    const wanted = generation === 1 ? 'active partition' : 'EFI system partition';
    return { isRead: false, reason: `no ${wanted} that can be read was found` };
  }
  const { name, partition } = found.volume;
  const path = found === efi ? BOOT_CONFIGURATION.efi : BOOT_CONFIGURATION.bios;
  try {
    const files = await found.files.opened();
    return { isRead: true, name, partition, files, path, bcd: await openedAt(files, path) };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { isRead: false, reason: `${name} cannot be read: ${error.message}` };
  }
}

async function openedAt(
  files: OpenedFileSystem,
  path: string,
): Promise<BootConfiguration | { readonly unread: string } | undefined> {
  try {
    return await openBootConfigurationAt(files, path);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { unread: error.message };
  }
}
