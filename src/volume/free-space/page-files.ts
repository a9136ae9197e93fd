// The page files of Windows: which of their clusters hold nothing that a system needs after a shutdown.
import type { ByteRange } from '../../base/byte-range.ts';
import {
  type FilePlaces,
  type OpenedFileSystem,
  UnreadableError,
  type VolumeBytes,
} from '../file-systems/opened-file-system.ts';
import { type Hive, openHiveAt } from '../registry/hive.ts';
import { HIBERNATION_FILE, type HibernationState } from './windows-hibernation.ts';

const PAGE_FILES: readonly string[] = ['pagefile.sys', 'swapfile.sys'];
/** The first page of an inactive hibernation file stays, because it shows that it is inactive. */
const KEPT_OF_HIBERNATION = 4096;
/** Windows stores a crash dump in the page file, and takes it from there when it starts. */
const CRASH_DUMP = 'PAGE';

const SYSTEM_HIVE = '/Windows/System32/config/SYSTEM';
const MEMORY_MANAGEMENT = 'Control\\Session Manager\\Memory Management';
const LISTS: readonly string[] = ['PagingFiles', 'ExistingPageFiles'];
/** "?:\pagefile.sys", "C:\pagefile.sys 4096 8192", "\??\C:\pagefile.sys" */
const ENTRY = /^(?:\\\?\?\\)?[a-z?]:\\([^\\/ ]+)(?: +\d+ +\d+)?$/i;

/** The page files that the Windows systems of a disk name, in lower case. */
export type NamedPageFiles =
  /** `isKnown` is false if a registry cannot be read. */
  { readonly isKnown: boolean; readonly hasWindows: boolean; readonly names: ReadonlySet<string> };

/** @param all The file systems of the disk. */
export async function namedPageFiles(all: readonly OpenedFileSystem[]): Promise<NamedPageFiles> {
  const names = new Set<string>();
  let hasWindows = false;
  try {
    for (const files of all) {
      if (files.type !== 'ntfs') continue;
      const hive = await openHiveAt(files, SYSTEM_HIVE);
      if (hive === undefined) continue;
      hasWindows = true;
      for (const name of await namesIn(hive)) names.add(name);
    }
    return { isKnown: true, hasWindows, names };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { isKnown: false, hasWindows: true, names };
  }
}

async function namesIn(hive: Hive): Promise<readonly string[]> {
  const current = await hive.integer('Select', 'Current');
  const names: string[] = [];
  for (const list of LISTS) {
    const data = await hive.value(`ControlSet${String(current).padStart(3, '0')}\\${MEMORY_MANAGEMENT}`, list);
    const texts = data?.kind === 'texts' ? data.texts : data?.kind === 'text' ? [data.text] : [];
    names.push(...texts.flatMap((text) => ENTRY.exec(text.trim())?.[1]?.toLowerCase() ?? []));
  }
  return names;
}

/**
 * The contents of the page files in a clean NTFS volume, as ranges of the volume.
 * @param hibernation The state of the volume's hibernation file.
 */
export async function pageFileContents(
  bytes: VolumeBytes,
  files: OpenedFileSystem,
  hibernation: HibernationState,
  { isKnown, hasWindows, names }: NamedPageFiles,
): Promise<readonly ByteRange[]> {
  if (files.type !== 'ntfs' || !isKnown) return [];
  const named = PAGE_FILES.filter((name) => !hasWindows || names.has(name)).map((name) => `/${name}`);
  const wanted = hibernation === 'inactive' ? [...named, HIBERNATION_FILE] : named;
  const contents: ByteRange[] = [];
  for (const [path, places] of await placesOf(files, wanted)) {
    if (places.isSystem !== true) continue;
    if (path === HIBERNATION_FILE) contents.push(...partsFrom(places, KEPT_OF_HIBERNATION));
    else if (!(await holdsCrashDump(bytes, places))) contents.push(...partsFrom(places, 0));
  }
  return contents;
}

/** Damaged files are left as they are. */
export async function placesOf(
  files: OpenedFileSystem,
  paths: readonly string[],
): Promise<ReadonlyMap<string, FilePlaces>> {
  try {
    return (await files.placesOf?.(paths)) ?? new Map();
  } catch (error) {
    if (error instanceof UnreadableError) return new Map();
    throw error;
  }
}

/** As it is stored: the file may count as not written. */
async function holdsCrashDump(bytes: VolumeBytes, { pieces }: FilePlaces): Promise<boolean> {
  const [first] = pieces;
  if (first === undefined) return false;
  const head = Buffer.alloc(CRASH_DUMP.length);
  await bytes.read({ offset: first.offset, length: head.length }, head);
  return head.toString('latin1') === CRASH_DUMP;
}

/** The pieces of a file from a byte of it up to another one, or to its end. */
export function partsFrom({ size, pieces }: FilePlaces, from: number, to: number = size): ByteRange[] {
  const parts: ByteRange[] = [];
  let at = 0;
  for (const { offset, length } of pieces) {
    const [start, end] = [Math.max(at, from), Math.min(at + length, to, size)];
    if (start < end) parts.push({ offset: offset + start - at, length: end - start });
    at += length;
  }
  return parts;
}
