// The file that a download writes: what may be there already, and whether it fits on the disk.
import type { BigIntStats } from 'node:fs';
import { access, constants, lstat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { explainFileProblem, isFileProblem } from '../base/file-problem.ts';
import { shownPath } from '../base/printable.ts';
import { codeOf } from '../base/thrown.ts';
import { LocalFileError, UsageError } from '../errors.ts';
import { realPathOf } from '../image/real-path.ts';
import { existingFile, fileExists } from '../target/existing-file.ts';

/**
 * Fails before anything is sent.
 * @param mayExist - Whether an existing file is no reason to stop: it is to be replaced, or an earlier run may have finished it.
 * @throws {LocalFileError} the file exists, is a link or a folder, or its folder is not writable.
 */
export async function checkOutput(path: string, mayExist: boolean): Promise<void> {
  try {
    const found = await existingFile(path);
    if (found !== undefined && !mayExist) throw fileExists();
    await access(dirname(resolve(path)), constants.W_OK);
  } catch (error) {
    if (!isFileProblem(error)) throw error;
    throw new LocalFileError(`Cannot write ${shownPath(path)}: ${explainFileProblem(error)}`, { cause: error });
  }
}

/** @param others - Files that the download uses, by the option that names each. @throws {UsageError} the output is one of them. */
export async function assertNoOther(
  output: string,
  others: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const path = await realPathOf(output);
  for (const [option, other] of Object.entries(others)) {
    if (other === undefined || (await realPathOf(other)) !== path) continue;
    throw new UsageError(`${shownPath(output)} is the file of ${option}. Name another file to write.`);
  }
}

/** Distinguishes the file from every other one, under whatever name; undefined if it does not exist. */
export async function fileIdentity(path: string): Promise<string | undefined> {
  const found = await statOf(path);
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

/** Length of the file in bytes; 0 if it does not exist. */
export async function lengthOf(path: string): Promise<number> {
  return Number((await statOf(path))?.size ?? 0);
}

async function statOf(path: string): Promise<BigIntStats | undefined> {
  return await lstat(path, { bigint: true }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}

/** Bytes that the user can still write to the disk of the file; undefined if the system does not report it. */
export async function freeSpace(path: string): Promise<number | undefined> {
  return await statfs(dirname(resolve(path))).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  );
}

/** @param needed - Bytes that are still to be written. */
export function noSpace(path: string, needed: number, free: number): string {
  return `The disk of ${shownPath(path)} has ${free} bytes free, but up to ${needed} are needed.`;
}
