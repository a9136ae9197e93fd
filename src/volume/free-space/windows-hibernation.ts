// The hibernation file of Windows.
import { type OpenedFileSystem, UnreadableError } from '../file-systems/opened-file-system.ts';

export const HIBERNATION_FILE = '/hiberfil.sys';

/** `active`: it holds the memory of a system, or something that is not known. `unknown`: it cannot be read. */
export type HibernationState = 'absent' | 'inactive' | 'active' | 'unknown';

/** File systems from which Windows starts. */
const OF_WINDOWS: readonly string[] = ['ntfs', 'fat16', 'fat32'];

/** Windows clears the first page, or writes "WAKE" to it, when it has resumed. */
export async function windowsHibernationOf(files: OpenedFileSystem): Promise<HibernationState> {
  if (!OF_WINDOWS.includes(files.type)) return 'absent';
  try {
    const entry = await files.stat(HIBERNATION_FILE);
    if (entry === undefined) return 'absent';
    if (entry.kind !== 'file') return 'active';
    const head = Buffer.from(await files.read(HIBERNATION_FILE, 0, 4));
    const isInactive = head.every((byte) => byte === 0) || head.toString('latin1').toLowerCase() === 'wake';
    return isInactive ? 'inactive' : 'active';
  } catch (error) {
    if (error instanceof UnreadableError) return 'unknown';
    throw error;
  }
}
