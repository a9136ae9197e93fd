// Names that Windows does not treat as a file, or that its programs cannot open.
// Source: learn.microsoft.com/windows/win32/fileio/naming-a-file

/** Device names, with or without an extension. The superscript digits are those of Latin-1. */
const DEVICE = /^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3]) *(?:\.|:|$)/i;
const FORBIDDEN = /[<>"|?*\p{Cc}]/u;
const DEVICE_PATH = /^[\\/]{2}\.[\\/]/;
/** A path relative to the current folder of a drive, which is rarely intended. */
const ON_DRIVE = /^([A-Za-z]):[^\\/]/;
/** The prefix before the names: \\?\, \\?\UNC\, or a drive. */
const PREFIX = /^(?:[\\/]{2}\?[\\/](?:UNC[\\/])?)?(?:[A-Za-z]:)?/;

/** Why `path` cannot be a file on Windows, for example "NUL is the name of a device on Windows". Undefined if it can. */
export function windowsNameProblem(path: string): string | undefined {
  if (DEVICE_PATH.test(path)) return 'it is the path of a device';
  const drive = ON_DRIVE.exec(path)?.[1];
  if (drive !== undefined) return `a colon after one letter names a drive on Windows, as in ${drive}:\\disk.vhd`;
  const names = path.replace(PREFIX, '').split(/[\\/]/);
  const problems = names.map((name, index) => problemOf(name, index === names.length - 1));
  return problems.find((problem) => problem !== undefined);
}

function problemOf(name: string, isFile: boolean): string | undefined {
  if (name === '') return isFile ? 'it ends with a separator and names no file' : undefined;
  if (name === '.' || name === '..') return isFile ? 'it is a folder' : undefined;
  const device = DEVICE.exec(name)?.[0].replace(/[ .:]+$/, '');
  if (device !== undefined) return `${device} is the name of a device on Windows`;
  if (name.includes(':')) return 'a colon starts the name of a stream on Windows';
  const forbidden = FORBIDDEN.exec(name)?.[0];
  if (forbidden !== undefined) return `a name cannot contain ${forbidden} on Windows`;
  if (/[ .]$/.test(name)) return 'a name cannot end with a blank or a dot on Windows';
  return undefined;
}
