// hiberfil.sys: the memory of a Windows that is hibernated, or was shut down with fast startup.
// Its caches hold changes that are not in the volume.
import { DATA } from './attribute.ts';
import { type FolderEntry, walkFolder } from './folder-index.ts';
import type { Mft } from './mft.ts';
import { Stream } from './stream.ts';

const ROOT_RECORD = 5;
const FILE_NAME = 'hiberfil.sys';
/** Windows 10 writes capitals, Windows Vista to 8 small letters. "WAKE" and zeros are of a system that has resumed. */
const HIBERNATED: readonly string[] = ['HIBR', 'RSTR'];

/** @throws {UnreadableError} */
export async function isHibernated(mft: Mft): Promise<boolean> {
  let found: FolderEntry | undefined;
  // All names of the root are walked: that takes fewer reads than the table for comparing names.
  await walkFolder(mft, await mft.record(ROOT_RECORD), undefined, (entry) => {
    if (entry.name.toLowerCase() === FILE_NAME) found = entry;
    return found === undefined;
  });
  const stream = found && (await Stream.open(mft, await mft.recordOf(found.reference), DATA));
  const signature = (await stream?.read(0, 4))?.toString('latin1').toUpperCase();
  return signature !== undefined && HIBERNATED.includes(signature);
}
