// KeptAnswers: remembers the entries of small files and folders, because several rules look at the same ones.
import type { GuestEntry, GuestFileSystem } from './guest-file-system.ts';

const MAX_KEPT_NAMES = 1000;
const MAX_KEPT_BYTES = 64 * 1024;

export class KeptAnswers implements GuestFileSystem {
  readonly #files: Pick<GuestFileSystem, 'look' | 'read'>;
  readonly #results = new Map<string, Promise<GuestEntry>>();

  constructor(files: Pick<GuestFileSystem, 'look' | 'read'>) {
    this.#files = files;
  }

  look(path: string): Promise<GuestEntry> {
    const known = this.#results.get(path);
    if (known !== undefined) return known;
    const answer = this.#files.look(path);
    this.#results.set(path, answer);
    answer.then(
      (entry) => {
        if (isLarge(entry)) this.#results.delete(path);
      },
      () => undefined,
    );
    return answer;
  }

  read(path: string, offset: number, length: number): Promise<Uint8Array> {
    return this.#files.read(path, offset, length);
  }
}

/** Large ones are not kept, because a guest may have many. */
function isLarge(entry: GuestEntry): boolean {
  if (entry.kind === 'directory') return entry.names.length > MAX_KEPT_NAMES;
  return entry.kind === 'file' && entry.bytes.length > MAX_KEPT_BYTES;
}
