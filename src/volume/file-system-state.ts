// Detects from the superblock whether a file system was closed cleanly. A running, suspended or crashed machine leaves it incomplete.
import type { ByteRange } from '../base/byte-range.ts';
import { VhdupError } from '../errors.ts';
import { bytesAt, type Disk, partOf } from './disk.ts';
import type { FileSystem } from './file-system.ts';
import { readSuperblock } from './file-systems/btrfs/superblock.ts';
import { exfatUncleanReasons } from './file-systems/exfat/boot-sector.ts';
import { extUncleanReasons, hasOuterJournal, OUTER_JOURNAL } from './file-systems/ext/superblock.ts';
import { fatGeometry, fatUncleanReasons } from './file-systems/fat.ts';
import { readNtfsProblems } from './file-systems/ntfs/volume-state.ts';
import { UnreadableError } from './file-systems/opened-file-system.ts';
import { openXfs } from './file-systems/xfs/open-xfs.ts';

export interface FileSystemState {
  /** `unknown`: the superblock does not show either. */
  readonly state: 'clean' | 'unclean' | 'unknown';
  /** The evidence. Follows "partition 1 (ext4): ". */
  readonly reason: string;
}

type ReadState = (disk: Disk, range: ByteRange) => Promise<FileSystemState>;

const READERS: Readonly<Record<string, ReadState>> = {
  ext2: extState,
  ext3: extState,
  ext4: extState,
  ntfs: ntfsState,
  xfs: xfsState,
  fat12: fatState,
  fat16: fatState,
  fat32: fatState,
  exfat: exfatState,
  btrfs: btrfsState,
  hfsplus: hfsState,
  'swap-suspended': () => Promise.resolve(unclean(['a hibernated system is stored in it'])),
  iso9660: neverWritten,
  squashfs: neverWritten,
  erofs: neverWritten,
};

/** Faults of the disk or the image never throw; they give `unknown`. */
export async function readFileSystemState(
  disk: Disk,
  range: ByteRange,
  { type, kind, name }: FileSystem,
): Promise<FileSystemState> {
  const read = READERS[type];
  if (read === undefined) {
    return unknown(kind === 'file-system' ? 'its journal is not read' : `the contents of ${name} are not read`);
  }
  try {
    return await read(disk, range);
  } catch (error) {
    if (error instanceof UnreadableError || error instanceof VhdupError)
      return unknown(`cannot be read: ${error.message}`);
    throw error;
  }
}

function clean(reason: string): FileSystemState {
  return { state: 'clean', reason };
}

function unclean(reasons: readonly string[]): FileSystemState {
  return { state: 'unclean', reason: reasons.join(', ') };
}

function unknown(reason: string): FileSystemState {
  return { state: 'unknown', reason };
}

function stateOf(problems: readonly string[]): FileSystemState {
  return problems.length === 0 ? clean('clean') : unclean(problems);
}

async function extState(disk: Disk, { offset }: ByteRange): Promise<FileSystemState> {
  const superblock = await bytesAt(disk, offset + 1024, 1024);
  const problems = extUncleanReasons(superblock);
  if (problems.length === 0 && hasOuterJournal(superblock)) return unknown(OUTER_JOURNAL);
  return stateOf(problems);
}

async function xfsState(disk: Disk, range: ByteRange): Promise<FileSystemState> {
  const { unclean: reason } = await openXfs(partOf(disk, range));
  return stateOf(reason === undefined ? [] : [reason]);
}

async function ntfsState(disk: Disk, range: ByteRange): Promise<FileSystemState> {
  return stateOf(await readNtfsProblems(partOf(disk, range)));
}

async function fatState(disk: Disk, { offset }: ByteRange): Promise<FileSystemState> {
  const head = await bytesAt(disk, offset, 512);
  const fat = fatGeometry(head);
  if (fat === undefined) return unknown('its boot sector is damaged');
  return stateOf(fatUncleanReasons(fat, head, await bytesAt(disk, offset + fat.tableOffset, 8)));
}

async function exfatState(disk: Disk, { offset }: ByteRange): Promise<FileSystemState> {
  return stateOf(exfatUncleanReasons(await bytesAt(disk, offset, 512)));
}

/** The trees of btrfs are always consistent; the log tree contains the changes synchronised since the last commit. */
async function btrfsState(disk: Disk, range: ByteRange): Promise<FileSystemState> {
  const { unclean: reason } = await readSuperblock(partOf(disk, range));
  return stateOf(reason === undefined ? [] : [reason]);
}

/** Apple Technical Note TN1150, "Volume header". */
async function hfsState(disk: Disk, { offset }: ByteRange): Promise<FileSystemState> {
  const attributes = (await bytesAt(disk, offset + 1024, 512)).readUInt32BE(4);
  const problems: string[] = [];
  if ((attributes & 0x100) === 0) problems.push('it was not unmounted');
  if ((attributes & 0x800) !== 0) problems.push('it has errors');
  return stateOf(problems);
}

function neverWritten(): Promise<FileSystemState> {
  return Promise.resolve(clean('clean, because it is read-only'));
}
