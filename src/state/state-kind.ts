// Tells the kinds of state files apart by their beginning.
import { openExisting } from '../base/side-file.ts';

export type StateKind = 'upload' | 'download' | 'verification';

/** The name of the first field of each kind, see `StateForm`. */
const MARKERS: readonly (readonly [kind: StateKind, marker: string])[] = [
  ['upload', 'vhdupCheckpoint'],
  ['download', 'vhdupDownload'],
  ['verification', 'vhdupVerification'],
];

/** What follows the path of an image or a file in the path of its state, unless another one is chosen. */
export const STATE_ENDINGS = ['.vhdup.json', '.vhdup-verify.json'] as const;

/** Undefined if the file does not exist or is no state of vhdup. A damaged state still has its kind. @throws {FileRefusal} it is a link, ... */
export async function stateKindOf(path: string): Promise<StateKind | undefined> {
  const handle = await openExisting(path, 'read', { links: 'follow' });
  if (handle === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    const beginning = buffer.toString('latin1', 0, bytesRead);
    return MARKERS.find(([, marker]) => beginning.startsWith(`{\n "${marker}": `))?.[0];
  } finally {
    await handle.close();
  }
}
