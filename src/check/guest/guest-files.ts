// GuestFiles: the files of one volume of a guest, through the reader of its file system.
import type { ByteRange } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { messageOf } from '../../base/thrown.ts';
import { followLinks } from '../../volume/file-systems/follow-links.ts';
import {
  type FilesView,
  MountedSubvolumes,
  type SubvolumeMount,
} from '../../volume/file-systems/mounted-subvolumes.ts';
import { openerOf } from '../../volume/file-systems/open-file-system.ts';
import {
  type OpenedFileSystem,
  UnreadableError,
  type VolumeBytes,
} from '../../volume/file-systems/opened-file-system.ts';
import { type GuestEntry, type GuestFileSystem, GuestUnreadableError, MAX_GUEST_FILE } from './guest-file-system.ts';
import { KeptAnswers } from './kept-answers.ts';

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

const WITH_SUBVOLUMES = 'btrfs';

/** The creator closes it. */
export class GuestFiles implements GuestFileSystem {
  readonly #volume: GuestVolume;
  readonly #readLimit: number;
  readonly #answers = this.#answersOf((files) => files);
  /** As a system sees the subvolumes that it mounts. Absent if the file system has none. */
  readonly mounted?: (mounts: readonly SubvolumeMount[]) => GuestFileSystem;
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
    if (volume.type === WITH_SUBVOLUMES) this.mounted = (mounts) => this.#mounted(mounts);
  }

  /**
   * The entry at `path`, which begins with a slash.
   * @throws {GuestUnreadableError} the file system cannot be read there, or has failed altogether.
   */
  look(path: string): Promise<GuestEntry> {
    return this.#answers.look(path);
  }

  /**
   * The file system itself, for files that are read in parts. Its reads have the limits of this volume.
   * @throws {UnreadableError} also from its methods.
   */
  async opened(): Promise<OpenedFileSystem> {
    this.#requireOpen();
    this.#opened ??= this.#open();
    return await this.#opened;
  }

  read(path: string, offset: number, length: number): Promise<Uint8Array> {
    return this.#answers.read(path, offset, length);
  }

  /** Later reads fail. */
  close(): void {
    this.#isClosed = true;
  }

  #mounted(mounts: readonly SubvolumeMount[]): GuestFileSystem {
    let view: FilesView | undefined;
    return this.#answersOf((files) => {
      view ??= new MountedSubvolumes(files, mounts);
      return view;
    });
  }

  #answersOf(viewOf: (files: OpenedFileSystem) => FilesView): KeptAnswers {
    return new KeptAnswers({
      look: (path) => this.#orUnreadable(async (files) => await entryAt(viewOf(files), path)),
      read: (path, offset, length) =>
        this.#orUnreadable(async (files) => await readAt(viewOf(files), path, offset, length)),
    });
  }

  async #orUnreadable<T>(work: (files: OpenedFileSystem) => Promise<T>): Promise<T> {
    try {
      return await work(await this.opened());
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

async function entryAt(files: FilesView, wanted: string): Promise<GuestEntry> {
  const found = await followLinks(files, wanted);
  if (found === undefined) return { kind: 'absent' };
  const { path, entry, from } = found;
  if (entry === undefined) return { kind: 'absent', leadsTo: path, from };
  if (entry.kind === 'folder') return { kind: 'directory', names: await files.readdir(path) };
  if (entry.kind !== 'file') return { kind: 'other' };
  return { kind: 'file', size: entry.size, bytes: await files.read(path, 0, Math.min(entry.size, MAX_GUEST_FILE)) };
}

async function readAt(files: FilesView, path: string, offset: number, length: number): Promise<Uint8Array> {
  const found = await followLinks(files, path);
  if (found?.entry?.kind !== 'file') return new Uint8Array();
  return await files.read(found.path, offset, length);
}
