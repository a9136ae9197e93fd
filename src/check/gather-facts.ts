// Gathers the facts about an open image that the rules need.
import { alignUp, MIB } from '../base/byte-range.ts';
import { printable } from '../base/printable.ts';
import type { DiskImage, ImageWarning } from '../image/disk-image.ts';
import { ImageFile } from '../image/image-file.ts';
import { findFooter } from '../image/vhd/find-footer.ts';
import { type ContentVolumes, readableVolumes } from '../volume/content-volumes.ts';
import { readDiskLayout } from '../volume/disk-layout.ts';
import { type FileSystemState, readFileSystemState } from '../volume/file-system-state.ts';
import type { CheckFacts, ImageFacts, VolumeState } from './check-facts.ts';
import type { Generation, OsState, Purpose } from './check-report.ts';
import { generationOf, isPhysicalVolume, isWithoutFiles } from './volumes.ts';

export interface FactsOptions {
  readonly purpose: Purpose;
  readonly generation: Generation | undefined;
  readonly blobName: string | undefined;
  /** @default generalized for the Marketplace, otherwise unknown */
  readonly osState?: OsState | undefined;
  readonly hasNvme?: boolean | undefined;
}

/** The facts that a few KiB at both ends of the disk provide. */
export async function gatherDiskFacts(
  image: DiskImage,
  warnings: readonly ImageWarning[],
  { purpose, generation, osState, hasNvme, blobName }: FactsOptions,
): Promise<CheckFacts> {
  const is4K = warnings.some(({ code }) => code === 'sector-size-4096');
  const layout = await readDiskLayout(image, is4K ? 4096 : undefined);
  const contents = await readableVolumes(image, layout);
  return {
    purpose,
    generation: purpose === 'data-disk' ? undefined : (generation ?? generationOf(layout)),
    osState: osState ?? (purpose === 'marketplace' ? 'generalized' : undefined),
    hasNvme,
    blobName,
    image: await imageFacts(image, warnings),
    layout,
    contents,
    volumeStates: await statesOf(contents),
    guest: undefined,
    efi: undefined,
  };
}

/** Plain swap is skipped, because it holds no lasting data. Swap with a hibernated system has a type of its own. */
async function statesOf({ volumes, unread }: ContentVolumes): Promise<VolumeState[]> {
  const states: VolumeState[] = unread.map(({ name, reason }) => ({ name, state: 'unknown', reason }));
  for (const volume of volumes) {
    const { name, fileSystem, bytes } = volume;
    if (isWithoutFiles(volume) || isPhysicalVolume(volume) || fileSystem?.type === 'swap') continue;
    const state: FileSystemState =
      fileSystem === undefined
        ? { state: 'unknown', reason: 'its contents are not recognised' }
        : await readFileSystemState(bytes, { offset: 0, length: bytes.size }, fileSystem);
    states.push({ name, fileSystem: fileSystem?.name, ...state });
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
