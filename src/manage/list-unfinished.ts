// listUnfinished: the interrupted uploads, downloads and verifications in a folder, known by their checkpoints.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { explainFileProblem, isFileProblem } from '../base/file-problem.ts';
import { shownPath } from '../base/printable.ts';
import { LocalFileError } from '../errors.ts';
import { type StateKind, stateKindOf } from '../state/state-kind.ts';
import { describeUnfinished, type Unfinished } from './unfinished.ts';

export interface ListOptions {
  /** @default the current folder */
  readonly folder?: string;
}

export interface ListResult {
  readonly folder: string;
  /** Latest first. */
  readonly unfinished: readonly Unfinished[];
}

/**
 * Looks at the JSON files of the folder, but not in folders in it. Sends nothing.
 * @throws {LocalFileError} the folder cannot be read.
 */
export async function listUnfinished({ folder = '.' }: ListOptions = {}): Promise<ListResult> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (!isFileProblem(error)) throw error;
    throw new LocalFileError(`Cannot list ${shownPath(folder)}: ${explainFileProblem(error)}`, { cause: error });
  }
  const unfinished: Unfinished[] = [];
  for (const name of names.filter((one) => one.endsWith('.json'))) {
    const path = join(folder, name);
    const kind = await kindOf(path);
    if (kind === undefined) continue;
    // A run that finishes meanwhile removes its checkpoint.
    const found = await describeUnfinished(path, kind).catch(ignoreFileProblem);
    if (found !== undefined) unfinished.push(found);
  }
  const byTime = (one: Unfinished, other: Unfinished) => other.savedAt.localeCompare(one.savedAt);
  return { folder, unfinished: unfinished.sort(byTime) };
}

/** Undefined for files that cannot be read, too: they are not known to be checkpoints. */
async function kindOf(path: string): Promise<StateKind | undefined> {
  return await stateKindOf(path).catch(ignoreFileProblem);
}

function ignoreFileProblem(error: unknown): undefined {
  if (!isFileProblem(error)) throw error;
}
