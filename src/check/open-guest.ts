// openGuest: finds the operating systems on a disk, and keeps their file systems open for the rules.
import type { ContentVolume } from '../volume/content-volumes.ts';
import { guessOperatingSystem, LINUX_ROLES, LINUX_TYPES } from '../volume/operating-system.ts';
import type { CheckFacts, GuestSystem } from './check-facts.ts';
import { type FoundLinux, findLinux } from './guest/find-linux.ts';
import { type FoundWindows, findWindows, type WindowsInstallation } from './guest/find-windows.ts';
import type { GuestFiles } from './guest/guest-files.ts';
import { guestVolumes, isSearched, type OpenVolume, openVolume } from './guest/guest-volumes.ts';
import { volumeNamed } from './guest/mount-sources.ts';
import { openWindowsBoot } from './guest/windows-boot.ts';
import { bsdIn, describe, hasRole, holds, isFat, isFlatcar, isPhysicalVolume, isWithoutFiles } from './volumes.ts';

/** The open file systems of a guest. The caller closes them. */
export interface OpenGuest {
  readonly guest: GuestSystem;
  readonly windows: readonly WindowsInstallation[] | undefined;
  readonly efi: GuestFiles | undefined;
  close(): void;
}

type DiskFacts = Pick<CheckFacts, 'layout' | 'contents' | 'generation'>;

export async function openGuest(facts: DiskFacts): Promise<OpenGuest> {
  const { volumes } = facts.contents;
  const efiVolume = volumes.find((volume) => hasRole(volume, 'efi-system') && isFat(volume));
  const efi = efiVolume === undefined ? undefined : openVolume(efiVolume);
  const opened = guestVolumes(volumes);
  const all = efi === undefined ? opened : [efi, ...opened];
  const filesOf = new Map(all.map(({ volume, files }) => [volume, files]));
  const named = (device: string) => {
    const volume = volumeNamed(device, volumes);
    return volume && filesOf.get(volume);
  };
  const [ntfs, others] = [opened.filter(isNtfs), opened.filter((one) => !isNtfs(one))];
  const candidates = new Map(others.map(({ volume, files }) => [volume.name, files]));
  const linux = await findLinux(candidates, efi?.files, named);
  const windows = await findWindows(ntfs, await openWindowsBoot(all, facts.generation));
  const guest = guestOf(facts, opened, linux, windows);
  return {
    guest,
    windows: installationsOf(facts, guest, windows),
    efi: efi?.files,
    close: () => {
      for (const { files } of all) files.close();
    },
  };
}

function isNtfs({ type }: OpenVolume): boolean {
  return type === 'ntfs';
}

/** Whether a volume may hold another operating system: false for one that was searched, and for volumes without files. */
function mayHoldOtherSystem(volume: ContentVolume, opened: readonly OpenVolume[]): boolean {
  if (isSearched(volume, opened) || isWithoutFiles(volume) || isPhysicalVolume(volume)) return false;
  return volume.fileSystem?.kind !== 'swap' && !hasRole(volume, 'efi-system', 'linux-swap');
}

/** The result is `none` only if no volume could hold an operating system. */
function guestOf(
  { layout, contents }: DiskFacts,
  opened: readonly OpenVolume[],
  linux: FoundLinux,
  windows: FoundWindows,
): GuestSystem {
  const hidden = contents.volumes.filter((volume) => mayHoldOtherSystem(volume, opened));
  const groups = contents.unread.map(({ name, reason }) => `${name}: ${reason}`);
  const problems = [...linux.problems, ...windows.problems];
  const others = [...problems, ...hidden.map(describe), ...groups];
  if (linux.systems.length > 0) return { kind: 'linux', systems: linux.systems, others };
  if (windows.installations.length > 0) {
    const mayHoldLinux =
      linux.problems.length + groups.length > 0 ||
      hidden.some((volume) => hasRole(volume, ...LINUX_ROLES) || holds(volume, ...LINUX_TYPES, 'luks'));
    return { kind: 'windows', others, mayHoldLinux };
  }
  if (isFlatcar(layout)) {
    return {
      kind: 'unread',
      found: 'Flatcar or CoreOS, whose files vhdup does not read: /usr is a partition of its own',
    };
  }
  if (others.length > 0) {
    const unread = [...hidden.map(describe), ...groups];
    return {
      kind: 'unread',
      found: [...problems, ...(unread.length === 0 ? [] : [`not read: ${unread.join(', ')}`])].join('; '),
    };
  }
  return contents.volumes.some((volume) => isSearched(volume, opened)) || layout.problems.length > 0
    ? { kind: 'unread', found: 'no file system with an /etc or a folder Windows was found' }
    : { kind: 'none' };
}

/** A Windows that cannot be read, where there may be one but none was found. Undefined if there is none. */
function installationsOf(
  { layout, contents }: DiskFacts,
  guest: GuestSystem,
  { installations, problems }: FoundWindows,
): readonly WindowsInstallation[] | undefined {
  if (installations.length > 0) return installations;
  const encrypted = contents.volumes.filter((volume) => holds(volume, 'bitlocker')).map(describe);
  const reasons = [...problems, ...encrypted];
  if (reasons.length > 0) return [{ name: 'Windows', unread: reasons.join(', ') }];
  const guess = guessOperatingSystem(layout);
  const isUnknown = guess === undefined && bsdIn(layout) === undefined;
  const isPossible = guess?.family === 'windows' || (isUnknown && guest.kind === 'unread');
  if (guest.kind === 'linux' || guest.kind === 'none' || !isPossible) return undefined;
  const reason = guess === undefined ? '' : `, but the disk has ${guess.reason}`;
  return [{ name: 'Windows', unread: `no volume with a Windows that can be read was found${reason}` }];
}
