// Finds the parent of a differencing image among the places where it may be, and proves that it is the right one.
import { lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join, parse, resolve, sep } from 'node:path';
import { printable } from '../base/printable.ts';
import { type FailedParentSearch, ParentImageError, VhdupError } from '../errors.ts';
import type { OpenDiskImageOptions } from './disk-image.ts';
import { ImageFile } from './image-file.ts';
import { baseNameOf, isDeviceFolder, type ParentPath } from './parent-path.ts';
import { realPathOf } from './real-path.ts';

/** Files in a chain. Long before that something else is wrong. */
const MAX_DEPTH = 256;

/** What an image says about where its parent is. */
export interface ParentReference {
  /** "parent locator 2 (W2ru)". */
  readonly source: string;
  /** As it stands in the image. Its last name is tried beside the child even where the path itself is refused. */
  readonly text: string;
  readonly path: ParentPath;
}

/** The answer about one candidate: it is the parent, or why not. `problem` fits after "PATH: ". */
export type Candidate<T> = { readonly parent: T } | { readonly problem: string };

export interface ParentSearch<T> {
  readonly child: ImageFile;
  /** What the parent is known by: "unique id 0123...". */
  readonly wanted: string;
  readonly references: readonly ParentReference[];
  /** `fileId` of every file of the chain so far. */
  readonly usedFileIds: ReadonlySet<string>;
  readonly options: OpenDiskImageOptions;
  /** Looks at an open candidate, which stays open only when it is the parent. */
  readonly examine: (file: ImageFile) => Promise<Candidate<T>>;
}

/** A place to look at, or one that is passed over. */
interface Place {
  readonly source: string;
  /** Empty when what the image says could not be read. */
  readonly path: string;
  readonly problem?: string;
}

/**
 * The parent, open.
 * @throws {ParentImageError} none of the candidates is it; the message names each, and why.
 */
export async function findParent<T>(search: ParentSearch<T>): Promise<T> {
  const tried = new Map<string, FailedParentSearch['tried'][number]>();
  for await (const { path, source, problem } of placesOf(search)) {
    const key = path === '' ? source : path;
    if (tried.has(key)) continue;
    const candidate = problem === undefined ? await examinePath(path, search) : { problem };
    if ('parent' in candidate) return candidate.parent;
    tried.set(key, { path, source, problem: candidate.problem });
  }
  const lines = [...tried.values()].map(({ path, source, problem }) => {
    return `  ${path === '' ? source : `${printable(path)} (${source})`}: ${problem}`;
  });
  const list = lines.length === 0 ? '  nothing: the image names no parent' : lines.join('\n');
  throw new ParentImageError(
    `Cannot find the parent of ${printable(search.child.path)}, which has the ${search.wanted}. Tried:\n${list}\nGive the folder that holds it, or the file itself, with --parent-path.`,
    { search: { child: search.child.path, wanted: search.wanted, tried: [...tried.values()] } },
  );
}

/** @throws {ParentImageError} the chain has as many files as we follow. */
export function requireDepth(childPath: string, depth: number): void {
  if (depth >= MAX_DEPTH) {
    throw new ParentImageError(
      `Cannot open the parent of ${printable(childPath)}: the chain has ${depth} files already, and at most ${MAX_DEPTH} are followed. Merge some of them first.`,
    );
  }
}

async function examinePath<T>(path: string, search: ParentSearch<T>): Promise<Candidate<T>> {
  let file: ImageFile | undefined;
  try {
    file = await ImageFile.open(path, search.options);
    const candidate = search.usedFileIds.has(file.fileId)
      ? { problem: 'it is in the chain already' }
      : await search.examine(file);
    if ('problem' in candidate) await file.close();
    return candidate;
  } catch (error) {
    await file?.close();
    if (error instanceof VhdupError) return { problem: error.message };
    throw error;
  }
}

/** In the order of preference: the user's word, what stays true when the folder is moved, and at last absolute paths. */
async function* placesOf<T>({ child, references, options }: ParentSearch<T>): AsyncGenerator<Place> {
  const names = new Map<string, string>();
  for (const { source, text } of references) {
    const name = baseNameOf(text);
    if (name !== undefined && !names.has(name)) names.set(name, source);
  }
  for (const path of options.parentPaths ?? []) yield* placesGiven(path, names);

  const folder = dirname(await realPathOf(child.path));
  for (const { source, path } of references)
    if (path.kind === 'relative') yield await locate(folder, path.path, source);
  for (const [name, source] of names) yield await locate(folder, name, `name in ${source}`);
  for (const { source, path } of references)
    if (path.kind === 'absolute') yield await locate(folder, path.path, source);
  for (const reference of references) yield* placesElsewhere(reference, options);
}

async function* placesGiven(path: string, names: ReadonlyMap<string, string>): AsyncGenerator<Place> {
  const source = 'given as parent path';
  const state = await stat(path).catch(() => undefined);
  if (state?.isDirectory() !== true) {
    yield { source, path: resolve(path) };
    return;
  }
  for (const name of names.keys()) yield await locate(await realPathOf(path), name, source);
}

function* placesElsewhere({ source, text, path }: ParentReference, options: OpenDiskImageOptions): Generator<Place> {
  if (path.kind === 'refused') yield { source, path: text, problem: `not tried, because ${path.problem}` };
  if (path.kind !== 'network') return;
  if (options.allowNetworkParents !== true) {
    const problem =
      'not tried, because it is on another computer, which would learn who you are: allow it with --allow-network-parents';
    yield { source, path: path.path, problem };
  } else if (process.platform !== 'win32') {
    yield { source, path: path.path, problem: 'not tried, because only Windows opens such paths' };
  } else yield { source, path: path.path };
}

/** `path`, seen from `folder`, with the case of its names as they are there. */
async function locate(folder: string, path: string, source: string): Promise<Place> {
  const wanted = resolve(folder, path);
  if (leadsToDevice(folder, wanted)) return { source, path: wanted, problem: 'not tried, because it names a device' };
  const present = await matchCase(wanted);
  if (present === undefined) return { source, path: wanted, problem: 'there is no such file' };
  const real = await realPathOf(present);
  if (leadsToDevice(folder, real)) return { source, path: wanted, problem: 'not used, because it leads to a device' };
  return { source, path: present };
}

/** The folder that the user works in may be one of these (`/dev/shm`): what lies in it is no device for that. */
function leadsToDevice(folder: string, path: string): boolean {
  return isDeviceFolder(path) && !path.startsWith(folder + sep);
}

/** Windows does not tell cases apart: `Base.VHD` and `base.vhd` are one file there, and should be found here. */
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
    const match = entries.sort().find((entry) => entry.toLowerCase() === name.toLowerCase());
    if (match === undefined) return undefined;
    present = join(present, match);
  }
  return present;
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}
