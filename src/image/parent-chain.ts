// Finds the parent of a differencing image among its possible locations, and proves that it is the right one.
import { lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join, parse, resolve, sep } from 'node:path';
import { printable } from '../base/printable.ts';
import { type FailedParentSearch, ParentImageError, VhdupError } from '../errors.ts';
import type { OpenDiskImageOptions } from './disk-image.ts';
import { ImageFile } from './image-file.ts';
import { baseNameOf, isDeviceFolder, type ParentPath } from './parent-path.ts';
import { realPathOf } from './real-path.ts';

/** Files in a chain at most. A longer chain is a fault. */
const MAX_DEPTH = 256;
/** Files of a folder that are examined by their id at most: more than a folder of machines has, and seconds on a slow share. */
const MAX_IN_FOLDER = 256;
const GIVEN = 'given with --parent-path';
const IN_CHAIN = 'it is already in the chain';

/** A reference of an image to its parent. */
export interface ParentReference {
  /** "parent locator 2 (W2ru)". */
  readonly source: string;
  /** The unmodified text of the image. Its base name is tried in the child's folder even if the path itself is rejected. */
  readonly text: string;
  readonly path: ParentPath;
}

/** `problem` is the reason why the candidate is not the parent, and follows "PATH: ". */
interface Rejected {
  readonly problem: string;
  /** Whether it has the id of the parent nevertheless: then the error always names it. */
  readonly hasId?: boolean;
}

/** The parent, or the reason why the candidate is not the parent. */
export type Candidate<T> = { readonly parent: T } | Rejected;

export interface ParentSearch<T> {
  readonly child: ImageFile;
  /** The format of the child, and so of its parent. */
  readonly format: 'VHD' | 'VHDX';
  /** The identity of the parent: "unique id 0123...". */
  readonly wanted: string;
  readonly references: readonly ParentReference[];
  /** `fileId` of every file in the chain so far. */
  readonly usedFileIds: ReadonlySet<string>;
  readonly options: OpenDiskImageOptions;
  /** Examines an open candidate. It stays open only if it is the parent. @param byId - Neither the image nor the user names it. */
  readonly examine: (file: ImageFile, byId: boolean) => Promise<Candidate<T>>;
}

/** A location to try, or one that is skipped. */
interface Place {
  readonly source: string;
  /** Empty if the reference in the image could not be read. */
  readonly path: string;
  readonly problem?: string;
  /** Whether `path` is a folder whose files are examined by their id. */
  readonly isFolder?: boolean;
}

type Examined<T> = { readonly parent: T; readonly file: ImageFile } | Rejected;
type Tried = Map<string, FailedParentSearch['tried'][number]>;

/**
 * Finds the parent and returns it open.
 * @throws {ParentImageError} no candidate is the parent. The message lists each candidate and the reason.
 */
export async function findParent<T>(search: ParentSearch<T>): Promise<T> {
  const tried: Tried = new Map();
  for await (const place of placesOf(search)) {
    const { path, source } = place;
    const key = path === '' ? source : path;
    if (tried.has(key)) continue;
    const examined = await examinePlace(place, search, tried);
    if (examined === undefined) continue;
    if ('parent' in examined) return examined.parent;
    tried.set(key, { path, source, problem: examined.problem });
  }
  const lines = [...tried.values()].map(({ path, source, problem }) => {
    return `  ${path === '' ? source : `${printable(path)} (${source})`}: ${problem}`;
  });
  const list = lines.length === 0 ? '  nothing: the image contains no path of its parent' : lines.join('\n');
  throw new ParentImageError(
    `Cannot find the parent of ${printable(search.child.path)}, which has the ${search.wanted}. Tried:\n${list}\nPass its folder, or the file itself, with --parent-path.`,
    { search: { child: search.child.path, wanted: search.wanted, tried: [...tried.values()] } },
  );
}

/** @throws {ParentImageError} the chain has reached the maximum length. */
export function requireDepth(childPath: string, depth: number): void {
  if (depth >= MAX_DEPTH) {
    throw new ParentImageError(
      `Cannot open the parent of ${printable(childPath)}: the chain already has ${depth} files, and vhdup follows at most ${MAX_DEPTH}. Merge some of them first.`,
    );
  }
}

/** Undefined for a folder without files to examine. */
async function examinePlace<T>(place: Place, search: ParentSearch<T>, tried: Tried): Promise<Examined<T> | undefined> {
  if (place.problem !== undefined) return { problem: place.problem };
  return place.isFolder === true ? await examineFolder(place, search, tried) : await examinePath(place.path, search);
}

async function examinePath<T>(path: string, search: ParentSearch<T>, byId = false): Promise<Examined<T>> {
  let file: ImageFile | undefined;
  try {
    file = await ImageFile.open(path, search.options);
    const candidate = search.usedFileIds.has(file.fileId) ? { problem: IN_CHAIN } : await search.examine(file, byId);
    if ('parent' in candidate) return { ...candidate, file };
    await file.close();
    return candidate;
  } catch (error) {
    await file?.close();
    if (error instanceof VhdupError) return { problem: error.message };
    throw error;
  }
}

/** Finds the parent under a name that the image does not contain: it was renamed, or its name is in an unknown encoding. */
async function examineFolder<T>(
  { path: folder, source }: Place,
  search: ParentSearch<T>,
  tried: Tried,
): Promise<Examined<T> | undefined> {
  const { format } = search;
  const paths = (await imagesIn(folder, format)).filter((path) => !tried.has(path));
  const matches: { readonly path: string; readonly parent: T; readonly file: ImageFile }[] = [];
  const others: ({ readonly path: string } & Rejected)[] = [];
  for (const path of paths.slice(0, MAX_IN_FOLDER)) {
    const examined = await examinePath(path, search, true);
    if ('parent' in examined) matches.push({ path, ...examined });
    else if (examined.problem !== IN_CHAIN) others.push({ path, ...examined });
  }
  const [match, ...more] = matches;
  if (match === undefined) {
    // A list of many files would hide the other locations. A single file may be the parent, and damaged.
    const unnamed = others.filter(({ hasId }) => hasId !== true);
    const named = unnamed.length > 1 ? others.filter(({ hasId }) => hasId === true) : others;
    for (const { path, problem } of named) tried.set(path, { path, source, problem });
    if (unnamed.length <= 1) return undefined;
    const which = paths.length > MAX_IN_FOLDER ? `first ${unnamed.length}` : unnamed.length;
    return { problem: `none of the ${which} other ${format} files in it has this id, or they cannot be read` };
  }
  if (more.length > 0) {
    // A copy of a VHD keeps its id when it is modified.
    for (const { file } of matches) await file.close();
    return { problem: `several files in it have this id: ${matches.map(({ path }) => printable(path)).join(', ')}` };
  }
  reportFoundById(match.path, search);
  return match;
}

/** The id of a VHD stays the same when it is modified, so only the user can know whether it is the right one. That of a VHDX changes. */
function reportFoundById<T>(path: string, { child, format, options }: ParentSearch<T>): void {
  if (format === 'VHDX') {
    options.onDebug?.(`${printable(path)}: the image does not contain this name. The id matches, so it is used.`);
    return;
  }
  options.onWarning?.({
    code: 'parent-found-by-id',
    message: `${printable(path)} is used as the parent of ${printable(child.path)}: it has the id that the child records, but not the name. A modified copy keeps its id, so make sure that it is the original parent, or name another file with --parent-path.`,
  });
}

/** Only regular files: a link could lead to a device or to another computer. */
async function imagesIn(folder: string, format: 'VHD' | 'VHDX'): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const name = new RegExp(`\\.a?${format}$`, 'i');
  const files = entries.filter((entry) => entry.isFile() && name.test(entry.name));
  return files.map((entry) => join(folder, entry.name)).sort();
}

/**
 * In order of preference: the user's paths, then paths that survive a move of the folder, absolute paths, and finally other
 * files of these folders.
 */
async function* placesOf<T>({ child, references, options }: ParentSearch<T>): AsyncGenerator<Place> {
  const names = new Map<string, string>();
  for (const { source, text } of references) {
    const name = baseNameOf(text);
    if (name !== undefined && !names.has(name)) names.set(name, source);
  }
  const given = options.parentPaths ?? [];
  for (const path of given) yield* placesGiven(path, names);

  const folder = dirname(await realPathOf(child.path));
  for (const { source, path } of references)
    if (path.kind === 'relative') yield await locate(folder, path.path, source);
  for (const [name, source] of names) yield await locate(folder, name, `name in ${source}`);
  for (const { source, path } of references)
    if (path.kind === 'absolute') yield await locate(folder, path.path, source);
  for (const path of given) {
    if (await isFolder(path)) yield { source: GIVEN, path: await realPathOf(path), isFolder: true };
  }
  yield { source: 'same folder', path: folder, isFolder: true };
  for (const reference of references) yield* placesElsewhere(reference, options);
}

async function* placesGiven(path: string, names: ReadonlyMap<string, string>): AsyncGenerator<Place> {
  if (!(await isFolder(path))) {
    yield { source: GIVEN, path: resolve(path) };
    return;
  }
  for (const name of names.keys()) yield await locate(await realPathOf(path), name, GIVEN);
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

function* placesElsewhere({ source, text, path }: ParentReference, options: OpenDiskImageOptions): Generator<Place> {
  if (path.kind === 'refused') yield { source, path: text, problem: `not tried, because ${path.problem}` };
  if (path.kind !== 'network') return;
  if (options.allowNetworkParents !== true) {
    const problem =
      'not tried, because it is on another computer, which would receive your credentials; use --allow-network-parents to allow it';
    yield { source, path: path.path, problem };
  } else if (process.platform !== 'win32') {
    yield { source, path: path.path, problem: 'not tried, because only Windows can open such paths' };
  } else yield { source, path: path.path };
}

/** `path` relative to `folder`, with its names in their actual case. */
async function locate(folder: string, path: string, source: string): Promise<Place> {
  const wanted = resolve(folder, path);
  if (leadsToDevice(folder, wanted)) return { source, path: wanted, problem: 'not tried, because it names a device' };
  const present = await matchCase(wanted);
  if (present === undefined) return { source, path: wanted, problem: 'there is no such file' };
  const real = await realPathOf(present);
  if (leadsToDevice(folder, real)) return { source, path: wanted, problem: 'not used, because it leads to a device' };
  return { source, path: present };
}

/** Files in the child's own folder are allowed even if that is a device folder (such as `/dev/shm`). */
function leadsToDevice(folder: string, path: string): boolean {
  return isDeviceFolder(path) && !path.startsWith(folder + sep);
}

/**
 * Windows ignores case: `Base.VHD` and `base.vhd` are one file there, and must be found on other systems too.
 * Programs of macOS decompose accented letters (NFD).
 */
async function matchCase(path: string): Promise<string | undefined> {
  if (await exists(path)) return path;
  const { root } = parse(path);
  let present = root;
  for (const name of path.slice(root.length).split(sep)) {
    const next = join(present, name);
    if (await exists(next)) {
      present = next;
      continue;
    }
    const entries = await readdir(present).catch(() => []);
    const match = entries.sort().find((entry) => asCompared(entry) === asCompared(name));
    if (match === undefined) return undefined;
    present = join(present, match);
  }
  return present;
}

function asCompared(name: string): string {
  return name.normalize('NFC').toLowerCase();
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}
