// Whether a hibernated system will resume with this disk as it remembers it. Then nothing on the disk may be taken for free.
import { detectAll } from '../detect-file-system.ts';
import { type OpenFileSystem, openerOf } from '../file-systems/open-file-system.ts';
import { type OpenedFileSystem, UnreadableError, type VolumeBytes } from '../file-systems/opened-file-system.ts';
import { type SwapFile, swapFilesOf } from './swap-files.ts';
import { type HibernationState, windowsHibernationOf } from './windows-hibernation.ts';

export interface Hibernation {
  readonly hibernation: HibernationState;
  /** Why that is unknown, as far as it shows. */
  readonly doubt?: string | undefined;
  readonly swapFiles: readonly SwapFile[];
}

/** File systems in which a system may be hibernated although vhdup leaves them whole. FAT is not one: EFI system partitions have it. */
const OF_SYSTEMS: readonly string[] = ['ntfs', 'ext2', 'ext3', 'ext4', 'xfs', 'btrfs'];

const ABSENT: Hibernation = { hibernation: 'absent', swapFiles: [] };
const UNKNOWN: Hibernation = { hibernation: 'unknown', swapFiles: [] };

/** Windows hibernates to its own file, Linux to a swap file. */
export async function hibernationOf(files: OpenedFileSystem): Promise<Hibernation> {
  const { swapFiles, doubt } = await swapFilesOf(files);
  if (swapFiles.some(({ area }) => area.state === 'suspended')) return { hibernation: 'active', swapFiles };
  if (doubt !== undefined) return { hibernation: 'unknown', doubt, swapFiles };
  return { hibernation: await windowsHibernationOf(files), swapFiles };
}

/** The same for a volume that is left whole. It may have the superblocks of two file systems, and be either of them. */
export async function hibernationIn(bytes: VolumeBytes): Promise<Hibernation> {
  const types = (await detectAll(bytes, { offset: 0, length: bytes.size })).map(({ type }) => type);
  if (types.includes('swap-suspended')) return { hibernation: 'active', swapFiles: [] };
  const found: Hibernation[] = [];
  for (const type of types) {
    const open = OF_SYSTEMS.includes(type) ? openerOf(type) : undefined;
    if (open !== undefined) found.push(await openedWith(open, bytes));
  }
  const stateIs = (state: HibernationState) => found.find(({ hibernation }) => hibernation === state);
  return stateIs('active') ?? stateIs('unknown') ?? ABSENT;
}

/** A system may resume from a file system that vhdup cannot open. */
async function openedWith(open: OpenFileSystem, bytes: VolumeBytes): Promise<Hibernation> {
  try {
    return await hibernationOf(await open(bytes));
  } catch (error) {
    if (error instanceof UnreadableError) return UNKNOWN;
    throw error;
  }
}
