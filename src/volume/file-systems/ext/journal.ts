// The journal of ext3 and ext4 (Linux kernel, Documentation/filesystems/ext4/journal.rst). Numbers are big-endian.
import { UnreadableError } from '../opened-file-system.ts';
import { readContent } from './content.ts';
import { readInode } from './inode.ts';
import type { ExtVolume } from './volume.ts';

const MAGIC = 0xc03b3998;
/** Superblocks of versions 1 and 2. */
const TYPES: readonly number[] = [3, 4];
const LENGTH = 1024;

/**
 * The flag in the superblock of the file system says whether the journal needs recovery. The journal says so itself, too.
 * @throws {UnreadableError} it has transactions, an error, or no superblock.
 */
export async function requireEmptyJournal(volume: ExtVolume): Promise<void> {
  const { journalInode } = volume.superblock;
  if (journalInode === 0) return;
  const head = Buffer.from(await readContent(volume, await readInode(volume, journalInode), 0, LENGTH));
  if (head.length < LENGTH || head.readUInt32BE(0) !== MAGIC || !TYPES.includes(head.readUInt32BE(4))) {
    throw new UnreadableError('its journal has no superblock');
  }
  if (head.readUInt32BE(28) !== 0) throw new UnreadableError('its journal has transactions that need recovery');
  if (head.readUInt32BE(32) !== 0) throw new UnreadableError(`its journal has the error ${head.readInt32BE(32)}`);
}
