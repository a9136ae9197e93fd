// Whether a hibernated system will resume with this disk as it remembers it. Then nothing on the disk may be taken for free.
import { detectAll } from '../detect-file-system.ts';
import { openNtfs } from '../file-systems/ntfs/ntfs-file-system.ts';
import { type OpenedFileSystem, UnreadableError, type VolumeBytes } from '../file-systems/opened-file-system.ts';

export const HIBERNATION_FILE = '/hiberfil.sys';

/** `active`: it holds the memory of a system, or something that is not known. `unknown`: it cannot be read. */
export type HibernationState = 'absent' | 'inactive' | 'active' | 'unknown';

/** File systems from which Windows starts. */
const OF_WINDOWS: readonly string[] = ['ntfs', 'fat16', 'fat32'];

/** Windows clears the first page, or writes "WAKE" to it, when it has resumed. */
export async function hibernationOf(files: OpenedFileSystem): Promise<HibernationState> {
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

/** The same for a volume that is left whole. A system may resume from an NTFS that vhdup cannot open. */
export async function hibernationIn(bytes: VolumeBytes): Promise<HibernationState> {
  try {
    const types = (await detectAll(bytes, { offset: 0, length: bytes.size })).map(({ type }) => type);
    if (types.includes('swap-suspended')) return 'active';
    return types.includes('ntfs') ? await hibernationOf(await openNtfs(bytes)) : 'absent';
  } catch (error) {
    if (error instanceof UnreadableError) return 'unknown';
    throw error;
  }
}
