// Gathers the facts about an open image that the rules need.
import { alignUp, MIB } from '../base/byte-range.ts';
import { printable } from '../base/printable.ts';
import type { DiskImage, ImageWarning } from '../image/disk-image.ts';
import { ImageFile } from '../image/image-file.ts';
import { findFooter } from '../image/vhd/find-footer.ts';
import { type DiskLayout, readDiskLayout, type Volume } from '../volume/disk-layout.ts';
import { type FileSystemState, readFileSystemState } from '../volume/file-system-state.ts';
import type { CheckFacts, GuestSystem, ImageFacts, VolumeState } from './check-facts.ts';
import type { Generation, Purpose } from './check-report.ts';
import { findLinux } from './guest/find-linux.ts';
import type { GuestFiles } from './guest/guest-files.ts';
import { guestVolumes, isReadLinux, type OpenVolume, openVolume } from './guest/guest-volumes.ts';
import { describe, generationOf, hasRole, isFat, isWithoutFiles } from './volumes.ts';

export interface FactsOptions {
  readonly purpose: Purpose;
  readonly generation: Generation | undefined;
  readonly blobName: string | undefined;
}

/** The facts that a few KiB at both ends of the disk provide. */
export async function gatherDiskFacts(
  image: DiskImage,
  warnings: readonly ImageWarning[],
  { purpose, generation, blobName }: FactsOptions,
): Promise<CheckFacts> {
  const is4K = warnings.some(({ code }) => code === 'sector-size-4096');
  const layout = await readDiskLayout(image, is4K ? 4096 : undefined);
  return {
    purpose,
    generation: purpose === 'data-disk' ? undefined : (generation ?? generationOf(layout)),
    blobName,
    image: await imageFacts(image, warnings),
    layout,
    volumeStates: await statesOf(image, layout),
    guest: undefined,
    efi: undefined,
  };
}

/** Plain swap is skipped, because it holds no lasting data. Swap with a hibernated system has a type of its own. */
async function statesOf(image: DiskImage, layout: DiskLayout): Promise<VolumeState[]> {
  const states: VolumeState[] = [];
  for (const volume of layout.volumes) {
    const { fileSystem, range } = volume;
    if (isWithoutFiles(volume) || fileSystem?.type === 'swap') continue;
    const state: FileSystemState =
      fileSystem === undefined
        ? { state: 'unknown', reason: 'its contents are not recognised' }
        : await readFileSystemState(image, range, fileSystem);
    states.push({ volume, ...state });
  }
  return states;
}

async function imageFacts(image: DiskImage, warnings: readonly ImageWarning[]): Promise<ImageFacts> {
  return {
    path: printable(image.path),
    format: image.format,
    size: image.size,
    azureSize: alignUp(image.size, MIB),
    warnings,
    creator: image.format.startsWith('vhd-') ? await creatorOf(image.path) : undefined,
  };
}

/** Opens the file again, because DiskImage does not report the creator. */
async function creatorOf(path: string): Promise<string | undefined> {
  const file = await ImageFile.open(path);
  try {
    return (await findFooter(file, {}))?.footer.creatorApplication;
  } finally {
    await file.close();
  }
}

/** The open file systems of a guest. The caller closes them. */
export interface OpenGuest {
  readonly guest: GuestSystem;
  readonly efi: GuestFiles | undefined;
  close(): void;
}

export async function openGuest(image: DiskImage, layout: DiskLayout): Promise<OpenGuest> {
  const efiVolume = layout.volumes.find((volume) => hasRole(volume, 'efi-system') && isFat(volume));
  const efi = efiVolume === undefined ? undefined : openVolume(image, efiVolume)?.files;
  const opened = guestVolumes(image, layout);
  const { systems, problems } = await findLinux(new Map(opened.map(({ name, files }) => [name, files])), efi);
  const others = layout.volumes.filter((volume) => mayHoldOtherSystem(volume, opened)).map(describe);
  const guest: GuestSystem =
    systems.length > 0
      ? { kind: 'linux', systems, others: [...problems, ...others] }
      : withoutLinux(layout, opened, problems, others);
  const close = () => {
    efi?.close();
    for (const { files } of opened) files.close();
  };
  return { guest, efi, close };
}

/** Whether a volume may hold another operating system: false for the Linux that was found and for volumes without files. */
function mayHoldOtherSystem(volume: Volume, opened: readonly OpenVolume[]): boolean {
  const isKnown = isReadLinux(volume, opened) || isWithoutFiles(volume) || volume.fileSystem?.kind === 'swap';
  return !isKnown && !hasRole(volume, 'efi-system', 'linux-swap');
}

/** The result is `none` only if no volume could hold an operating system. */
function withoutLinux(
  layout: DiskLayout,
  opened: readonly OpenVolume[],
  problems: readonly string[],
  others: readonly string[],
): GuestSystem {
  const found = [...problems, ...(others.length === 0 ? [] : [`not read: ${others.join(', ')}`])];
  if (found.length > 0) return { kind: 'unread', found: found.join('; ') };
  return layout.volumes.some((volume) => isReadLinux(volume, opened)) || layout.problems.length > 0
    ? { kind: 'unread', found: 'no file system with an /etc was found' }
    : { kind: 'none' };
}
