// Paths in a state file: relative to its folder and with slashes, so that both can be moved together, also to another system.
import { realpathSync } from 'node:fs';
import nodePath, { type PlatformPath } from 'node:path';

/** A path on another drive of Windows. No relative path leads there. */
const OTHER_DRIVE = /^(?:[a-z]:|\\)\\/i;

/**
 * @param folder - Of the state file.
 * @param system - @default that of this system
 * @returns an absolute path for a path on another drive of Windows.
 */
export function storedPath(path: string, folder: string, system: PlatformPath = nodePath): string {
  const { basename, dirname, isAbsolute, join, relative, resolve, sep } = system;
  let stored = relative(resolve(folder), resolve(path));
  // The parent of a folder that is reached by a link is not that of the link. Inside of the folder, links may move with it.
  if (isAbsolute(stored) || stored.split(sep)[0] === '..') {
    // The file itself need not exist yet.
    stored = relative(realPath(folder, system), join(realPath(dirname(path), system), basename(path)));
  }
  return isAbsolute(stored) ? stored : stored.split(sep).join('/');
}

/** The absolute path that `storedPath` has stored. @param folder - Of the state file. */
export function pathOfStored(stored: string, folder: string): string {
  return OTHER_DRIVE.test(stored) ? stored : nodePath.resolve(realPath(folder, nodePath), stored);
}

/** Falls back to the absolute path for what does not exist, and for volumes whose paths Windows cannot resolve. */
function realPath(path: string, { resolve }: PlatformPath): string {
  try {
    // The native one resolves `link/..` as the operating system does when it opens a file.
    return realpathSync.native(path);
  } catch {
    return resolve(path);
  }
}
