// MountedSubvolumes: the subvolumes of one btrfs volume as a system sees them, each at its path.
import { printable } from '../../base/printable.ts';
import { type FileEntry, type OpenedFileSystem, UnreadableError } from './opened-file-system.ts';

/** A subvolume of btrfs that a system mounts. */
export interface SubvolumeMount {
  readonly path: string;
  /** Its path from the top level of the file system, or its number; undefined for the default subvolume. */
  readonly subvolume: string | number | undefined;
}

/** What is needed to follow links and read files. */
export type FilesView = Pick<OpenedFileSystem, 'stat' | 'readdir' | 'readlink' | 'read'>;

export class MountedSubvolumes implements FilesView {
  readonly #files: OpenedFileSystem;
  /** The longest paths first. */
  readonly #mounts: readonly SubvolumeMount[];
  readonly #opened = new Map<SubvolumeMount, Promise<OpenedFileSystem | undefined>>();

  /** @param files The default subvolume. @param mounts The root is among them. */
  constructor(files: OpenedFileSystem, mounts: readonly SubvolumeMount[]) {
    this.#files = files;
    this.#mounts = [...mounts].sort((one, other) => other.path.length - one.path.length);
  }

  async stat(path: string): Promise<FileEntry | undefined> {
    const [files, inside] = await this.#at(path);
    return await files?.stat(inside);
  }

  async readdir(path: string): Promise<readonly string[]> {
    const [files, inside] = await this.#at(path);
    return (await files?.readdir(inside)) ?? [];
  }

  async readlink(path: string): Promise<string> {
    const [files, inside] = await this.#existing(path);
    return await files.readlink(inside);
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const [files, inside] = await this.#existing(path);
    return await files.read(inside, offset, length);
  }

  /** The subvolume that has the path, and the path inside it. Undefined if there is no root. */
  async #at(path: string): Promise<[OpenedFileSystem | undefined, string]> {
    const mount = this.#mounts.find((one) => one.path === '/' || path === one.path || path.startsWith(`${one.path}/`));
    if (mount === undefined) return [undefined, path];
    const known = this.#opened.get(mount);
    const opening = known ?? this.#open(mount);
    this.#opened.set(mount, opening);
    return [await opening, mount.path === '/' ? path : path.slice(mount.path.length) || '/'];
  }

  async #existing(path: string): Promise<[OpenedFileSystem, string]> {
    const [files, inside] = await this.#at(path);
    if (files === undefined) throw new UnreadableError(`there is no ${printable(path)}`);
    return [files, inside];
  }

  /** Without its subvolume, a system would fail to mount the path, or show what is below it. */
  async #open({ path, subvolume }: SubvolumeMount): Promise<OpenedFileSystem | undefined> {
    if (subvolume === undefined) return this.#files;
    const files = await this.#files.subvolume?.(subvolume);
    if (files !== undefined || path === '/') return files;
    throw new UnreadableError(
      `it has no subvolume ${printable(String(subvolume))}, which is mounted at ${printable(path)}`,
    );
  }
}
