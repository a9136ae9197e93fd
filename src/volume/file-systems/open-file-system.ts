// Opens the file system of a volume by its kind.
import type { OpenedFileSystem, VolumeBytes } from './opened-file-system.ts';
import { openXfs } from './xfs/open-xfs.ts';

type Open = (volume: VolumeBytes) => Promise<OpenedFileSystem>;

/** By the type of the description of a volume. */
const OPENERS: ReadonlyMap<string, Open> = new Map([['xfs', openXfs]]);

/** Undefined if the files of this type of file system are not read. @throws {UnreadableError} and the errors of `volume.read`. */
export async function openFileSystem(type: string, volume: VolumeBytes): Promise<OpenedFileSystem | undefined> {
  return await OPENERS.get(type)?.(volume);
}
