// Finds files by their paths.
import { MAX_NAMES, UnreadableError } from '../opened-file-system.ts';
import type { FileRecord } from './file-record.ts';
import { type FolderEntry, walkFolder } from './folder-index.ts';
import type { Mft } from './mft.ts';
import type { FileReference } from './numbers.ts';
import { Recent } from './recent.ts';
import { type CompareNames, readUpperCase } from './upper-case.ts';

const ROOT: FileReference = { number: 5, sequence: 0 };
/** Records before this one are of the file system itself: $MFT, $Bitmap. Windows does not list them. */
const FIRST_FILE = 16;
const MAX_LOOKUPS = 256;

export interface FoundFile {
  readonly record: FileRecord;
  /** The named stream, from `name:stream`; empty for the file itself. */
  readonly stream: string;
}

export class Folders {
  readonly #mft: Mft;
  readonly #lookups = new Recent<FileReference | false>(MAX_LOOKUPS);
  #compare: CompareNames | undefined;

  constructor(mft: Mft) {
    this.#mft = mft;
  }

  /** Undefined if there is nothing at the path. @throws {UnreadableError} */
  async find(path: string): Promise<FoundFile | undefined> {
    const names = path.split('/').filter((name) => name !== '');
    let reference = ROOT;
    for (const [index, name] of names.entries()) {
      const folder = await this.#mft.recordOf(reference);
      if (!folder.isFolder) return undefined;
      const found = await this.#lookUp(folder, name);
      if (found !== undefined) {
        reference = found;
        continue;
      }
      const colon = name.indexOf(':');
      const file = index < names.length - 1 || colon < 1 ? undefined : await this.#lookUp(folder, name.slice(0, colon));
      return file === undefined ? undefined : { record: await this.#mft.recordOf(file), stream: name.slice(colon + 1) };
    }
    return { record: await this.#mft.recordOf(reference), stream: '' };
  }

  /** @throws {UnreadableError} also if the folder has more than MAX_NAMES. */
  async names(folder: FileRecord): Promise<string[]> {
    const names: string[] = [];
    await walkFolder(this.#mft, folder, undefined, ({ name, reference, isShortName }) => {
      // The root lists itself as ".".
      if (isShortName || reference.number < FIRST_FILE) return true;
      names.push(name);
      return names.length <= MAX_NAMES;
    });
    if (names.length > MAX_NAMES) throw new UnreadableError(`a folder has more than ${MAX_NAMES} names`);
    return names;
  }

  /** A name in the same case is preferred: POSIX names may differ only in case. */
  async #lookUp(folder: FileRecord, name: string): Promise<FileReference | undefined> {
    this.#compare ??= await readUpperCase(this.#mft);
    const compare = this.#compare;
    const found = await this.#lookups.get(`${folder.number}/${name}`, async () => {
      let best: FolderEntry | undefined;
      await walkFolder(
        this.#mft,
        folder,
        (other) => compare(name, other),
        (entry) => {
          if (best === undefined || entry.name === name) best = entry;
          return entry.name !== name;
        },
      );
      return best?.reference ?? false;
    });
    return found === false ? undefined : found;
  }

  /** Whether two names of streams are the same. To be asked after a look-up: the table is read then. */
  isSameName(one: string, other: string): boolean {
    return one === other || this.#compare?.(one, other) === 0;
  }
}
