// The files of a command line that begins with one instead of a command, as when files are dropped on the executable.
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isUrl, withoutWrapping } from '../../azure/given-text.ts';
import { printable } from '../../base/printable.ts';
import { ImageAccessError, UsageError } from '../../errors.ts';
import { shellWord } from '../../image/foreign/foreign-format.ts';
import { TOP_LEVEL_WORDS } from '../commands.ts';
import { nearest } from '../nearest.ts';
import { hasImageName, IMAGE_ENDINGS } from './image-names.ts';

const ENDINGS = `.${IMAGE_ENDINGS.join(', .')}`.replace(/, (?=[^,]*$)/, ' or ');

export interface GivenFiles {
  /** Existing files, and never none of them. */
  readonly files: readonly string[];
  /** Whether the user named them, or only their folder. */
  readonly areNamed: boolean;
  /** What follows them: options of vhdup upload. */
  readonly options: readonly string[];
}

/**
 * @param args - A whole command line. A word that is a command is never taken for a file of that name.
 * @returns undefined if it does not begin with a file.
 * @throws {ImageAccessError} a file or folder does not exist, or there is no image in the folder.
 * @throws {UsageError} the name of a file is not that of an image, or words follow that are not files.
 */
export async function givenFiles(args: readonly string[]): Promise<GivenFiles | undefined> {
  const [first = ''] = args;
  const isWord = first === '' || first.startsWith('-') || TOP_LEVEL_WORDS.includes(first) || isUrl(first);
  if (isWord && !/^file:/i.test(first)) return undefined;
  // Other words are mistyped commands.
  const isPath = hasImageName(first) || /[/\\]|^[a-z]:/i.test(first) || (first.includes('.') && (await kindOf(first)));
  if (!isPath) return undefined;
  const end = args.findIndex((word) => word.startsWith('-'));
  const words = end === -1 ? args : args.slice(0, end);
  const found: GivenFiles[] = [];
  for (const [index, word] of words.entries()) found.push(await filesOf(word, index === 0 ? undefined : first));
  return {
    files: [...new Set(found.flatMap(({ files }) => files))],
    areNamed: found.every(({ areNamed }) => areNamed),
    options: end === -1 ? [] : args.slice(end),
  };
}

/**
 * A file, or the images in a folder.
 * @param image - The image that stands before the word in the command line.
 * @throws as `givenFiles`.
 */
export async function filesOf(word: string, image?: string): Promise<GivenFiles> {
  const path = await pathOf(word);
  const kind = await kindOf(path);
  if (kind === 'folder') return { files: await imagesIn(path), areNamed: false, options: [] };
  if (image !== undefined && kind === undefined && (isUrl(word) || !hasImageName(path))) {
    throw new UsageError(
      `${shellWord(image)} alone asks for the destination. To say so in the command, begin with upload: vhdup upload ${shellWord(image)} DESTINATION.`,
    );
  }
  if (kind === undefined) throw await missing(path);
  if (!hasImageName(path)) throw await misnamed(path);
  return { files: [path], areNamed: true, options: [] };
}

/** The path in what consoles, file managers and the clipboard make of it: quotes, `& '...'`, file: URLs, backslashes before blanks. */
async function pathOf(word: string): Promise<string> {
  if ((await kindOf(word)) !== undefined) return word;
  const bare = withoutWrapping(word.replace(/^\s*&\s+(?=['"])/, ''));
  if (/^file:\/\//i.test(bare)) return URL.canParse(bare) ? pathOfUrl(bare) : bare;
  const unescaped = bare.replace(/\\(.)/g, '$1');
  const isEscaped = process.platform !== 'win32' && (await kindOf(bare)) === undefined;
  return isEscaped && (await kindOf(unescaped)) !== undefined ? unescaped : bare;
}

function pathOfUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    // The path of another computer or system.
    return url;
  }
}

/** Options whose value belongs to one upload. */
const OF_ONE_UPLOAD = /^--(?:disk|checkpoint|manifest|report)(?:=|$)/;
const DRY_RUN = /^(?:--dry-run(?:=|$)|-n$)/;

/** @throws {UsageError} an option can only be meant for one of several images. */
export function requireOneImage(files: readonly string[], options: readonly string[]): void {
  const option = options.find((word) => OF_ONE_UPLOAD.test(word) || DRY_RUN.test(word));
  if (files.length < 2 || option === undefined) return;
  throw new UsageError(
    `${option.replace(/=.*$/s, '')} is for one image, but there are ${files.length}. Name one image, or leave the option out.`,
  );
}

/** As `requireOneImage`, before anything is asked: of a folder, one image may still be chosen, but not for a plan. */
export function requireClearOptions({ files, areNamed, options }: GivenFiles): void {
  requireOneImage(files, areNamed ? options : options.filter((word) => DRY_RUN.test(word)));
}

/** Undefined for what does not exist, or cannot be looked at. A device counts as a file: opening it explains what it is. */
async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  if (path === '' || path.includes('\0')) return undefined;
  return await stat(path).then(
    (stats) => (stats.isDirectory() ? 'folder' : 'file'),
    () => undefined,
  );
}

/** A name in the current folder that begins with a hyphen would be taken for an option. */
function pathIn(folder: string, name: string): string {
  const path = join(folder, name);
  return path.startsWith('-') ? `.${sep}${path}` : path;
}

/** Also in the folders of the folder: Hyper-V keeps the disks of a machine in "Virtual Hard Disks". */
async function imagesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new ImageAccessError(`Cannot list ${printable(folder)}.`, { cause: error });
  });
  const own = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => pathIn(folder, name));
  const inner = entries
    .filter((entry) => entry.isDirectory())
    .map(async ({ name }) => {
      const names = await readdir(join(folder, name)).catch(() => []);
      return names.map((one) => pathIn(folder, join(name, one)));
    });
  const all = [...own, ...(await Promise.all(inner)).flat()].filter(hasImageName).sort();
  const kinds = await Promise.all(all.map(kindOf));
  const images = all.filter((_, index) => kinds[index] === 'file');
  if (images.length > 0) return images;
  throw new ImageAccessError(
    `There is no disk image in the folder ${printable(folder)}: no file in it, or in one of its folders, ends in ${ENDINGS}.`,
  );
}

async function missing(path: string): Promise<ImageAccessError> {
  const folder = dirname(path);
  const names = (await readdir(folder).catch(() => [])).filter(hasImageName);
  const similar = nearest(path.slice(path.lastIndexOf('/') + 1).replace(/^.*\\/, ''), names);
  const meant = similar === undefined ? '' : ` Did you mean ${printable(join(folder, similar))}?`;
  return new ImageAccessError(`Cannot open ${printable(path)}: there is no such file.${meant}`);
}

/** A file of another kind is named for what it is, with what to do with it. */
async function misnamed(path: string): Promise<Error> {
  try {
    const { openDiskImage } = await import('../../image/open-disk-image.ts');
    await (await openDiskImage(path)).close();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  return new UsageError(
    `${printable(path)} is a disk image, but its name does not end in ${ENDINGS}. Rename it, or say what to do with it: vhdup upload ${shellWord(path)} DESTINATION.`,
  );
}
