// Distinguishes the kinds of state files by their beginning.
import { openExisting } from '../base/side-file.ts';
import { type StateKind, stateKindIn } from './state-format.ts';

export type { StateKind };

const BEGINNING = 64;

/** What follows the path of an image or a file in the path of its state, unless another one is chosen. */
export const STATE_ENDINGS = ['.vhdup.json', '.vhdup-verify.json'] as const;

/** Undefined if the file does not exist or is no state of vhdup. A damaged state still has its kind. @throws {FileRefusal} it is not a regular file. */
export async function stateKindOf(path: string): Promise<StateKind | undefined> {
  const handle = await openExisting(path, 'read', { links: 'follow' });
  if (handle === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(BEGINNING), 0, BEGINNING, 0);
    return stateKindIn(buffer.toString('latin1', 0, bytesRead));
  } finally {
    await handle.close();
  }
}
