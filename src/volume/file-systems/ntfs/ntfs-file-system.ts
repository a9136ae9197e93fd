// An NTFS volume as a file system: versions 1.2 to 3.1, of Windows NT 4 and later.
import type { ByteRange } from '../../../base/byte-range.ts';
import {
  type FileEntry,
  type FilePlaces,
  type OpenedFileSystem,
  UnreadableError,
  type VolumeBytes,
} from '../opened-file-system.ts';
import { DATA } from './attribute.ts';
import { readBootSector } from './boot-sector.ts';
import { placesOfFiles } from './file-places.ts';
import type { FileRecord } from './file-record.ts';
import { Folders, type FoundFile } from './folders.ts';
import { Mft } from './mft.ts';
import { kindOf, readReparsePoint, reasonOf, targetOf, WOF } from './reparse-point.ts';
import { hasShadowCopies } from './shadow-copies.ts';
import { Stream } from './stream.ts';
import { usedRanges } from './used-space.ts';
import { problemsOf } from './volume-state.ts';
import { WofFile } from './wof-file.ts';

/**
 * Reads the boot sector, the first records of the MFT, two pages of the log, and the beginning of hiberfil.sys.
 * @throws {UnreadableError} it is no NTFS, or the beginning of its MFT is damaged.
 */
export async function openNtfs(volume: VolumeBytes): Promise<OpenedFileSystem> {
  const mft = await Mft.open(volume, await readBootSector(volume));
  const folders = new Folders(mft);
  const unclean = await uncleanReason(mft);
  return new NtfsFileSystem(mft, folders, unclean, await hasShadowCopies(volume));
}

async function uncleanReason(mft: Mft): Promise<string | undefined> {
  try {
    return (await problemsOf(mft)).join(', ') || undefined;
  } catch (error) {
    if (error instanceof UnreadableError) return `its state cannot be read: ${error.message}`;
    throw error;
  }
}

class NtfsFileSystem implements OpenedFileSystem {
  readonly type = 'ntfs';
  readonly unclean: string | undefined;
  readonly #mft: Mft;
  readonly #folders: Folders;
  readonly unknownUse: string | undefined;

  constructor(mft: Mft, folders: Folders, unclean: string | undefined, hasShadowCopies: boolean) {
    this.#mft = mft;
    this.#folders = folders;
    this.unclean = unclean;
    if (hasShadowCopies) this.unknownUse = 'it has shadow copies, which read data from free clusters';
  }

  async stat(path: string): Promise<FileEntry | undefined> {
    const found = await this.#folders.find(path);
    if (found === undefined) return undefined;
    if (found.stream !== '') {
      const stream = await this.#streamOf(found);
      return stream && { kind: 'file', size: stream.size };
    }
    const point = await readReparsePoint(this.#mft, found.record);
    const kind = (point && kindOf(point)) ?? (found.record.isFolder ? 'folder' : 'file');
    const size = kind === 'file' ? ((await this.#streamOf(found))?.size ?? 0) : 0;
    return { kind, size };
  }

  async readdir(path: string): Promise<readonly string[]> {
    const { record } = await this.#existing(path);
    if (!record.isFolder) throw new UnreadableError(`${path} is not a folder`);
    return this.#folders.names(record);
  }

  async readlink(path: string): Promise<string> {
    const { record } = await this.#existing(path);
    const point = await readReparsePoint(this.#mft, record);
    if (point === undefined || kindOf(point) !== 'link') throw new UnreadableError(`${path} is not a symbolic link`);
    return targetOf(point);
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const found = await this.#existing(path);
    if (found.stream === '') {
      if (found.record.isFolder) throw new UnreadableError(`${path} is a folder`);
      const point = await readReparsePoint(this.#mft, found.record);
      if (point?.tag === WOF) return (await WofFile.open(this.#mft, found.record, point.data)).read(offset, length);
      if (point !== undefined) throw new UnreadableError(`${path} cannot be read: ${reasonOf(point)}`);
    }
    const stream = await this.#streamOf(found);
    if (stream === undefined) throw new UnreadableError(`${path} has no data`);
    return stream.read(offset, length);
  }

  usedRanges(): AsyncIterable<ByteRange> | undefined {
    return this.unclean !== undefined || this.unknownUse !== undefined ? undefined : usedRanges(this.#mft);
  }

  async placesOf(paths: readonly string[]): Promise<ReadonlyMap<string, FilePlaces>> {
    const records = new Map<string, FileRecord>();
    for (const path of paths) {
      const found = await this.#folders.find(path);
      if (found?.stream === '') records.set(path, found.record);
    }
    return await placesOfFiles(this.#mft, records);
  }

  async #existing(path: string): Promise<FoundFile> {
    const found = await this.#folders.find(path);
    if (found === undefined) throw new UnreadableError(`${path} does not exist`);
    return found;
  }

  #streamOf({ record, stream }: FoundFile): Promise<Stream | undefined> {
    return Stream.open(this.#mft, record, DATA, (name) => this.#folders.isSameName(name, stream));
  }
}
