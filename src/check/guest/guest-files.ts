// GuestFiles: the files of one volume of a guest, through the reader of its file system.
import type { ByteRange } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { messageOf } from '../../base/thrown.ts';
import { openerOf } from '../../volume/file-systems/open-file-system.ts';
import {
  type OpenedFileSystem,
  UnreadableError,
  type VolumeBytes,
} from '../../volume/file-systems/opened-file-system.ts';
import { followLinks } from './follow-links.ts';
import { type GuestEntry, type GuestFileSystem, GuestUnreadableError, MAX_GUEST_FILE } from './guest-file-system.ts';

/** A part of a disk, or a logical volume, that holds a file system. */
export interface GuestVolume {
  /** The type of the file system, as its superblock shows it: "ext4". */
  readonly type: string;
  readonly bytes: VolumeBytes;
}

/**
 * Bytes read from one volume at most. The files of the rules take a few MiB; a damaged folder may ask for one part of the
 * volume after another.
 */
const MAX_READ = 1024 * 1024 * 1024;
/** What a read costs at least: a disk that moves its heads reads so much meanwhile. */
const MIN_COST = 64 * 1024;

const MAX_KEPT_NAMES = 1000;
const MAX_KEPT_BYTES = 64 * 1024;

/** The creator closes it. */
export class GuestFiles implements GuestFileSystem {
  readonly #volume: GuestVolume;
  readonly #readLimit: number;
  readonly #results = new Map<string, Promise<GuestEntry>>();
  #opened: Promise<OpenedFileSystem> | undefined;
  #cost = 0;
  #isClosed = false;

  /**
   * Opens the file system with the first request.
   * @param readLimit In bytes.
   */
  constructor(volume: GuestVolume, readLimit: number = MAX_READ) {
    this.#volume = volume;
    this.#readLimit = readLimit;
  }

  /**
   * The entry at `path`, which begins with a slash.
   * @throws {GuestUnreadableError} the file system cannot be read there, or has failed altogether.
   */
  look(path: string): Promise<GuestEntry> {
    const known = this.#results.get(path);
    if (known !== undefined) return known;
    const answer = this.#look(path);
    this.#results.set(path, answer);
    answer.then(
      (entry) => {
        if (isLarge(entry)) this.#results.delete(path);
      },
      () => undefined,
    );
    return answer;
  }

  /** Later reads fail. */
  close(): void {
    this.#isClosed = true;
  }

  async #look(path: string): Promise<GuestEntry> {
    try {
      this.#requireOpen();
      this.#opened ??= this.#open();
      return await entryAt(await this.#opened, path);
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      throw new GuestUnreadableError(printable(error.message), { cause: error });
    }
  }

  async #open(): Promise<OpenedFileSystem> {
    const { type, bytes } = this.#volume;
    const open = openerOf(type);
    if (open === undefined) throw new UnreadableError(`vhdup does not read the files of ${type}`);
    return await open({ size: bytes.size, read: async (range, into) => await this.#read(range, into) });
  }

  async #read(range: ByteRange, into: Uint8Array): Promise<void> {
    this.#requireOpen();
    this.#cost += Math.max(range.length, MIN_COST);
    if (this.#cost > this.#readLimit) throw new UnreadableError('it needs too many reads: it is probably damaged');
    try {
      await this.#volume.bytes.read(range, into);
    } catch (error) {
      throw new UnreadableError(`the disk cannot be read there: ${messageOf(error)}`, { cause: error });
    }
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new UnreadableError('it is closed');
  }
}

/** Several rules look at the same small files. Large ones are not kept, because a guest may have many. */
function isLarge(entry: GuestEntry): boolean {
  if (entry.kind === 'directory') return entry.names.length > MAX_KEPT_NAMES;
  return entry.kind === 'file' && entry.bytes.length > MAX_KEPT_BYTES;
}

async function entryAt(files: OpenedFileSystem, wanted: string): Promise<GuestEntry> {
  const found = await followLinks(files, wanted);
  if (found === undefined) return { kind: 'absent' };
  const { path, entry } = found;
  if (entry.kind === 'folder') return { kind: 'directory', names: await files.readdir(path) };
  if (entry.kind !== 'file') return { kind: 'other' };
  return { kind: 'file', size: entry.size, bytes: await files.read(path, 0, Math.min(entry.size, MAX_GUEST_FILE)) };
}
