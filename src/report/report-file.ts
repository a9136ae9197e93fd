// The file of a report: replaced only if it is a report, and then at once and as a whole.
import { access, constants } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { explainFileProblem, FileRefusal, isFileProblem } from '../base/file-problem.ts';
import { shownPath } from '../base/printable.ts';
import { openExisting, replaceSideFile, requireName } from '../base/side-file.ts';
import { LocalFileError } from '../errors.ts';
import { MARKER } from './marker.ts';

/**
 * Checks in advance whether a report can be written to this path.
 * @param option - The option that names the file. @default an argument names it
 * @throws {LocalFileError} the existing file is not a report, or no file can be created.
 */
export async function checkReportPath(path: string, option?: string): Promise<void> {
  await writing(path, option, () => assertReplaceable(path));
}

/** @throws {LocalFileError} as `checkReportPath` does; the disk is full, ... */
export async function writeReport(path: string, report: string, option?: string): Promise<void> {
  await writing(path, option, async () => {
    await assertReplaceable(path);
    await replaceSideFile(path, report);
  });
}

async function assertReplaceable(path: string): Promise<void> {
  requireName(path);
  const handle = await openExisting(path, 'write');
  try {
    await access(dirname(resolve(path)), constants.W_OK);
    if (handle === undefined) return;
    const length = Buffer.byteLength(MARKER);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
    if (bytesRead > 0 && buffer.toString('utf8', 0, bytesRead) !== MARKER) {
      throw new FileRefusal('the file exists and is not a vhdup report');
    }
  } finally {
    await handle?.close();
  }
}

async function writing(path: string, option: string | undefined, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!isFileProblem(error)) throw error;
    throw new LocalFileError(`Cannot write the report ${shownPath(path)}: ${explainFileProblem(error, option)}`, {
      cause: error,
    });
  }
}
