// Opens a volume with XFS.
import { Crc32c } from '../../../base/crc32c.ts';
import type { OpenedFileSystem, VolumeBytes } from '../opened-file-system.ts';
import { readUncleanReason } from './log.ts';
import { XfsMetadata } from './metadata.ts';
import { readSuperblock } from './superblock.ts';
import { XfsFileSystem } from './xfs-file-system.ts';

/** @throws {UnreadableError} it is damaged or has features that are not supported; and the errors of `volume.read`. */
export async function openXfs(volume: VolumeBytes): Promise<OpenedFileSystem> {
  const crc32c = await Crc32c.create();
  const metadata = new XfsMetadata(volume, await readSuperblock(volume, crc32c), crc32c);
  return new XfsFileSystem(metadata, volume.size, await readUncleanReason(metadata));
}
