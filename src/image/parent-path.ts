// Parses the path that an image gives for its parent, without accessing the file system: its kind, and whether vhdup may follow it.

/** Paths use forward slashes. */
export type ParentPath =
  | { readonly kind: 'relative' | 'absolute' | 'network'; readonly path: string }
  /** `problem` follows "not tried, because". */
  | { readonly kind: 'refused'; readonly problem: string };

/** Device names of Windows, which apply in every folder, even if a dot, a colon or spaces follow. */
const DEVICE_NAME =
  /^(con|prn|aux|nul|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])\s*([.:].*)?$/i;
const DEVICE_FOLDER = /^\/(dev|proc|sys)(\/|$)/i;
/** `\\?\`, `\\.\` and `\??\`: prefixes of the Windows object manager. */
const OBJECT_PREFIX = /^(\/\/[?.]|\/\?\?)\//;
const DRIVE = /^[a-z]:/i;

/** Parses a path in the notation of Windows or POSIX. */
export function parsePath(text: string, platform: NodeJS.Platform = process.platform): ParentPath {
  const problem = textProblem(text);
  if (problem !== undefined) return { kind: 'refused', problem };
  const path = withoutLongPrefix(text.replaceAll('\\', '/'));
  if (isDevicePath(path)) return { kind: 'refused', problem: 'it names a device' };
  if (path.startsWith('//')) return { kind: 'network', path };
  if (DRIVE.test(path)) return parseDrive(path, platform);
  return { kind: path.startsWith('/') ? 'absolute' : 'relative', path };
}

/** Parses a file URL in the notation of macOS and blktap: `file://./base.vhd`, `file://localhost/disks/base.vhd`. */
export function parseFileUrl(text: string, platform: NodeJS.Platform = process.platform): ParentPath {
  const match = /^file:(?:\/\/([^/]*))?(.*)$/is.exec(text);
  if (match === null) return { kind: 'refused', problem: 'it is not a file URL' };
  const [, host = '', encoded = ''] = match;
  let path: string;
  try {
    path = decodeURIComponent(encoded);
  } catch {
    return { kind: 'refused', problem: 'its percent escapes are not UTF-8' };
  }
  if (host === '.' || host === '..') return parsePath(`${host}${path}`, platform);
  if (host !== '' && host.toLowerCase() !== 'localhost') {
    const problem = textProblem(`${host}${path}`);
    return problem === undefined ? { kind: 'network', path: `//${host}${path}` } : { kind: 'refused', problem };
  }
  return parsePath(path.replace(/^\/(?=[a-z]:)/i, ''), platform);
}

/** The base name of a path in any notation, or undefined if there is none that may be opened. */
export function baseNameOf(text: string): string | undefined {
  if (textProblem(text) !== undefined) return undefined;
  const name = text.split(/[\\/]/).at(-1)?.replace(DRIVE, '') ?? '';
  return name === '' || name === '.' || name === '..' || DEVICE_NAME.test(name) ? undefined : name;
}

/** Whether an absolute POSIX path leads to devices or to virtual files of the kernel. */
export function isDeviceFolder(path: string): boolean {
  return DEVICE_FOLDER.test(path);
}

function isDevicePath(path: string): boolean {
  return OBJECT_PREFIX.test(path) || DEVICE_FOLDER.test(path) || path.split('/').some((name) => DEVICE_NAME.test(name));
}

function textProblem(text: string): string | undefined {
  if (text === '') return 'it is empty';
  if (/\p{Cc}/u.test(text)) return 'it has control characters';
  if (/\p{Cs}/u.test(text)) return 'it is not valid Unicode';
  return undefined;
}

/** `\\?\C:\x` is `C:\x`, and `\\?\UNC\host\share` is `\\host\share`. */
function withoutLongPrefix(path: string): string {
  return path.replace(/^\/\/\?\/unc\//i, '//').replace(/^\/\/\?\/(?=[a-z]:\/)/i, '');
}

function parseDrive(path: string, platform: NodeJS.Platform): ParentPath {
  if (platform !== 'win32') return { kind: 'refused', problem: 'it names a Windows drive' };
  if (path[2] !== '/') return { kind: 'refused', problem: 'it depends on the current folder of a drive' };
  return { kind: 'absolute', path };
}
