// What may be where a file is to be written: nothing, or a regular file.
import { lstat } from 'node:fs/promises';
import { FileRefusal } from '../base/file-problem.ts';
import { requireName } from '../base/side-file.ts';
import { codeOf } from '../base/thrown.ts';

/** Undefined if there is no file. @throws {FileRefusal} it is a link, a folder or a device, or the name is not valid. */
export async function existingFile(path: string): Promise<{ readonly mode: number } | undefined> {
  requireName(path);
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found?.isSymbolicLink() === true) {
    throw new FileRefusal('it is a symbolic link', 'Name the file that it points to, or another file.');
  }
  if (found?.isFile() === false) throw new FileRefusal('it is not a regular file', 'Name a file.');
  return found;
}

/** The file must not be replaced. */
export function fileExists(): FileRefusal {
  return new FileRefusal('the file exists', 'Give --overwrite to replace it.');
}
