// XfsFileSystem: paths of an XFS volume, versions 4 and 5, read only. The log is not replayed.
import type { ByteRange } from '../../../base/byte-range.ts';
import { printable } from '../../../base/printable.ts';
import {
  type FileEntry,
  type FilePlaces,
  MAX_NAMES,
  type OpenedFileSystem,
  UnreadableError,
} from '../opened-file-system.ts';
import { readFileData } from './file-data.ts';
import { placesOfInode } from './file-places.ts';
import { entriesOf } from './folder.ts';
import { readInode, type XfsInode } from './inode.ts';
import type { XfsMetadata } from './metadata.ts';
import { readTarget } from './symlink.ts';
import { usedRangesOf } from './used-ranges.ts';

const TYPE_MASK = 0o170000;
const KINDS: ReadonlyMap<number, FileEntry['kind']> = new Map([
  [0o100000, 'file'],
  [0o040000, 'folder'],
  [0o120000, 'link'],
]);

/** Inodes by name, of a folder. */
type Names = ReadonlyMap<string, number>;

export class XfsFileSystem implements OpenedFileSystem {
  readonly type = 'xfs';
  readonly unclean: string | undefined;
  readonly #metadata: XfsMetadata;
  /** In bytes, of the volume. */
  readonly #size: number;
  /** The folders that were read last. Together they have at most `MAX_NAMES` names. */
  readonly #folders = new Map<number, Names>();

  constructor(metadata: XfsMetadata, size: number, unclean: string | undefined) {
    this.#metadata = metadata;
    this.#size = size;
    this.unclean = unclean;
  }

  async stat(path: string): Promise<FileEntry | undefined> {
    const inode = await this.#find(path);
    if (inode === undefined) return undefined;
    return { kind: kindOf(inode), size: inode.size, mode: inode.mode & 0o7777 };
  }

  async readdir(path: string): Promise<readonly string[]> {
    const folder = await this.#existing(path);
    if (kindOf(folder) !== 'folder') throw new UnreadableError(`${printable(path)} is not a folder`);
    const names: string[] = [];
    for await (const { name } of entriesOf(this.#metadata, folder)) {
      if (names.length === MAX_NAMES) throw new UnreadableError(`${printable(path)} has more than ${MAX_NAMES} names`);
      names.push(name);
    }
    return names;
  }

  async readlink(path: string): Promise<string> {
    const link = await this.#existing(path);
    if (kindOf(link) !== 'link') throw new UnreadableError(`${printable(path)} is not a symbolic link`);
    return await readTarget(this.#metadata, link);
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const file = await this.#existing(path);
    if (kindOf(file) !== 'file') throw new UnreadableError(`${printable(path)} is not a file`);
    return await readFileData(this.#metadata, file, offset, length);
  }

  usedRanges(): AsyncIterable<ByteRange> | undefined {
    if (this.unclean !== undefined || this.unknownUse !== undefined) return undefined;
    return usedRangesOf(this.#metadata, this.#size);
  }

  get unknownUse(): string | undefined {
    const { features, hasRealtime } = this.#metadata.superblock;
    if (hasRealtime) return 'it has a realtime device';
    return features.isFreeSpaceUnknown ? 'it has features whose effect on free space is not known' : undefined;
  }

  async placesOf(paths: readonly string[]): Promise<ReadonlyMap<string, FilePlaces>> {
    const found = new Map<string, FilePlaces>();
    for (const path of paths) {
      const inode = await this.#find(path);
      const isFile = inode !== undefined && kindOf(inode) === 'file';
      const places = isFile ? await placesOfInode(this.#metadata, inode) : undefined;
      if (places !== undefined) found.set(path, places);
    }
    return found;
  }

  async #existing(path: string): Promise<XfsInode> {
    const inode = await this.#find(path);
    if (inode === undefined) throw new UnreadableError(`it has no ${printable(path)}`);
    return inode;
  }

  async #find(path: string): Promise<XfsInode | undefined> {
    let inode = await readInode(this.#metadata, this.#metadata.superblock.rootInode);
    for (const name of path.split('/')) {
      if (name === '' || name === '.') continue;
      if (kindOf(inode) !== 'folder') return undefined;
      const number = await this.#lookUp(inode, name);
      if (number === undefined) return undefined;
      inode = await readInode(this.#metadata, number);
    }
    return inode;
  }

  async #lookUp(folder: XfsInode, name: string): Promise<number | undefined> {
    const wanted = this.#compared(name);
    const known = this.#folders.get(folder.number);
    if (known !== undefined) return known.get(wanted);
    const names = new Map<string, number>();
    for await (const entry of entriesOf(this.#metadata, folder)) {
      const compared = this.#compared(entry.name);
      // A folder with more names is read again each time, up to the name.
      if (names.size === MAX_NAMES && compared === wanted) return entry.inode;
      if (names.size < MAX_NAMES && !names.has(compared)) names.set(compared, entry.inode);
    }
    if (names.size < MAX_NAMES) this.#keep(folder.number, names);
    return names.get(wanted);
  }

  #keep(folder: number, names: Names): void {
    this.#folders.set(folder, names);
    let kept = 0;
    for (const { size } of this.#folders.values()) kept += size;
    for (const [oldest, { size }] of this.#folders) {
      if (kept <= MAX_NAMES) break;
      this.#folders.delete(oldest);
      kept -= size;
    }
  }

  #compared(name: string): string {
    return this.#metadata.superblock.features.ignoresCase
      ? name.replace(/[A-Z]/g, (upper) => upper.toLowerCase())
      : name;
  }
}

function kindOf({ mode }: XfsInode): FileEntry['kind'] {
  return KINDS.get(mode & TYPE_MASK) ?? 'other';
}
