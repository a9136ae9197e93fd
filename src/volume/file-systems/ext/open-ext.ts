// openExt: the files of ext2, ext3 and ext4.
import type { ByteRange } from '../../../base/byte-range.ts';
import { detectExt } from '../ext.ts';
import {
  type FileEntry,
  type FilePlaces,
  MAX_NAMES,
  type OpenedFileSystem,
  UnreadableError,
  type VolumeBytes,
} from '../opened-file-system.ts';
import { readContent, readLink } from './content.ts';
import { isMapped } from './features.ts';
import { placesOfInode } from './file-places.ts';
import { nameOf, readFolder } from './folder.ts';
import { type Inode, ROOT_INODE, readInode } from './inode.ts';
import { extUncleanReasons, hasOuterJournal, OUTER_JOURNAL, readSuperblock } from './superblock.ts';
import { extUsedRanges } from './used-ranges.ts';
import { ExtVolume } from './volume.ts';

const SUPERBLOCK = 1024;

/** @throws {UnreadableError} it is damaged, or has a feature that is not supported. */
export async function openExt(bytes: VolumeBytes): Promise<OpenedFileSystem> {
  if (bytes.size < 2 * SUPERBLOCK) throw new UnreadableError(`its volume has only ${bytes.size} bytes`);
  const head = Buffer.alloc(2 * SUPERBLOCK);
  await bytes.read({ offset: 0, length: head.length }, head);
  const stored = head.subarray(SUPERBLOCK);
  const superblock = readSuperblock(stored, bytes.size);
  const reasons = [...extUncleanReasons(stored), ...(hasOuterJournal(stored) ? [OUTER_JOURNAL] : [])];
  return new ExtFileSystem(new ExtVolume(bytes, superblock), detectExt(head)?.type ?? 'ext4', reasons);
}

class ExtFileSystem implements OpenedFileSystem {
  readonly type: string;
  readonly unclean: string | undefined;
  readonly #volume: ExtVolume;

  constructor(volume: ExtVolume, type: string, uncleanReasons: readonly string[]) {
    this.type = type;
    this.unclean = uncleanReasons.length === 0 ? undefined : uncleanReasons.join(', ');
    this.#volume = volume;
  }

  async stat(path: string): Promise<FileEntry | undefined> {
    const inode = await this.#find(path);
    if (inode === undefined) return undefined;
    const { kind, size, mode } = inode;
    return { kind, size, mode };
  }

  async readdir(path: string): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const { name } of readFolder(this.#volume, await this.#require(path, 'folder'))) {
      if (names.length === MAX_NAMES) throw new UnreadableError(`a folder has more than ${MAX_NAMES} names`);
      names.push(name);
    }
    return names;
  }

  async readlink(path: string): Promise<string> {
    const target = await readLink(this.#volume, await this.#require(path, 'link'));
    return nameOf(Buffer.from(target));
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    return await readContent(this.#volume, await this.#require(path, 'file'), offset, length);
  }

  usedRanges(): AsyncIterable<ByteRange> | undefined {
    return this.unclean === undefined && this.unknownUse === undefined ? extUsedRanges(this.#volume) : undefined;
  }

  get unknownUse(): string | undefined {
    return isMapped(this.#volume.superblock) ? undefined : 'it has features whose effect on free space is not known';
  }

  async placesOf(paths: readonly string[]): Promise<ReadonlyMap<string, FilePlaces>> {
    const found = new Map<string, FilePlaces>();
    for (const path of paths) {
      const inode = await this.#find(path);
      const isFile = inode !== undefined && inode.kind === 'file';
      const places = isFile ? await placesOfInode(this.#volume, inode) : undefined;
      if (places !== undefined) found.set(path, places);
    }
    return found;
  }

  async #find(path: string): Promise<Inode | undefined> {
    let inode = await readInode(this.#volume, ROOT_INODE);
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (inode.kind !== 'folder') return undefined;
      const number = await this.#inodeIn(inode, name);
      if (number === undefined) return undefined;
      inode = await readInode(this.#volume, number);
    }
    return inode;
  }

  async #inodeIn(folder: Inode, wanted: string): Promise<number | undefined> {
    for await (const { name, inode } of readFolder(this.#volume, folder)) {
      if (name === wanted) return inode;
    }
    return undefined;
  }

  async #require(path: string, kind: FileEntry['kind']): Promise<Inode> {
    const inode = await this.#find(path);
    if (inode?.kind === kind) return inode;
    throw new UnreadableError(inode === undefined ? `there is no ${path}` : `${path} is not a ${kind}`);
  }
}
