// BtrfsFileSystem: paths of one subvolume of a btrfs volume, and of the subvolumes below it, read only. The log tree is not replayed.
import type { ByteRange } from '../../../base/byte-range.ts';
import { printable } from '../../../base/printable.ts';
import { type FileEntry, MAX_NAMES, type OpenedFileSystem, UnreadableError } from '../opened-file-system.ts';
import { FileData } from './file-data.ts';
import { lookUp, namesIn } from './folder.ts';
import { textOf } from './folder-entry.ts';
import { type BtrfsInode, readInode } from './inode.ts';
import { type BtrfsMetadata, TREE } from './metadata.ts';
import { findTree, requireTree, type Subvolume } from './roots.ts';
import { usedRangesOf } from './used-ranges.ts';

/** In bytes: targets are in the tree, and the kernel limits paths to this. */
const MAX_TARGET = 4096;

export class BtrfsFileSystem implements OpenedFileSystem {
  readonly type = 'btrfs';
  readonly unclean: string | undefined;
  readonly #metadata: BtrfsMetadata;
  readonly #subvolume: Subvolume;
  /** In bytes, of the volume. */
  readonly #size: number;
  readonly #data: FileData;

  /** @param subvolume Its root is `/`. */
  constructor(metadata: BtrfsMetadata, size: number, subvolume: Subvolume) {
    this.#metadata = metadata;
    this.#size = size;
    this.#subvolume = subvolume;
    this.#data = new FileData(metadata);
    this.unclean = metadata.superblock.unclean;
  }

  async stat(path: string): Promise<FileEntry | undefined> {
    const inode = await this.#find(path);
    if (inode === undefined) return undefined;
    const { kind, size, mode } = inode;
    return { kind, size, mode };
  }

  async readdir(path: string): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const name of namesIn(this.#metadata, await this.#require(path, 'folder', 'a folder'))) {
      if (names.length === MAX_NAMES) throw new UnreadableError(`${printable(path)} has more than ${MAX_NAMES} names`);
      names.push(name);
    }
    return names;
  }

  async readlink(path: string): Promise<string> {
    const link = await this.#require(path, 'link', 'a symbolic link');
    if (link.size === 0 || link.size > MAX_TARGET) {
      throw new UnreadableError(`the target of ${printable(path)} has ${link.size} bytes`);
    }
    const target = await this.#data.read(link, 0, link.size);
    if (target.includes(0)) throw new UnreadableError(`the target of ${printable(path)} contains a NUL`);
    return textOf(target);
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    return await this.#data.read(await this.#require(path, 'file', 'a file'), offset, length);
  }

  usedRanges(): AsyncIterable<ByteRange> | undefined {
    if (this.unclean !== undefined || this.#metadata.superblock.features.isFreeSpaceUnknown) return undefined;
    return usedRangesOf(this.#metadata, this.#size);
  }

  async subvolume(which: string | number): Promise<OpenedFileSystem | undefined> {
    const found = typeof which === 'number' ? await findTree(this.#metadata, which) : await this.#subvolumeAt(which);
    return found === undefined ? undefined : new BtrfsFileSystem(this.#metadata, this.#size, found);
  }

  async #subvolumeAt(path: string): Promise<Subvolume | undefined> {
    const inode = await this.#follow(await requireTree(this.#metadata, TREE.topLevel), path);
    return inode?.number === inode?.subvolume.rootFolder ? inode?.subvolume : undefined;
  }

  async #require(path: string, kind: FileEntry['kind'], what: string): Promise<BtrfsInode> {
    const inode = await this.#find(path);
    if (inode === undefined) throw new UnreadableError(`it has no ${printable(path)}`);
    if (inode.kind !== kind) throw new UnreadableError(`${printable(path)} is not ${what}`);
    return inode;
  }

  async #find(path: string): Promise<BtrfsInode | undefined> {
    return await this.#follow(this.#subvolume, path);
  }

  async #follow(start: Subvolume, path: string): Promise<BtrfsInode | undefined> {
    let inode: BtrfsInode | undefined = await readInode(this.#metadata, start, start.rootFolder);
    for (const name of path.split('/')) {
      if (name === '' || name === '.') continue;
      if (inode?.kind !== 'folder') return undefined;
      inode = await lookUp(this.#metadata, inode, name);
    }
    return inode;
  }
}
