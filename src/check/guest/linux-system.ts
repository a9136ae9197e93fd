// LinuxSystem: the files of a Linux installation, whose root, /boot and EFI system partition may be separate volumes.

import { linesOf, type MountPoint, mountPointsIn, subvolumeOf } from '../../volume/fstab.ts';
import type { RangedFile } from '../../volume/registry/ranged-file.ts';
import { type GuestEntry, type GuestFileSystem, GuestUnreadableError } from './guest-file-system.ts';

export interface LinuxVolumes {
  readonly root: GuestFileSystem;
  /** A separate partition for /boot. */
  readonly boot?: GuestFileSystem;
  /** The EFI system partition, which Linux mounts at /boot/efi, /efi or /boot. */
  readonly efi?: GuestFileSystem;
  /** The volume that a device of fstab names; undefined if it is not on this disk, or is not read. */
  readonly volumeNamed?: (device: string) => GuestFileSystem | undefined;
  /** Mount points whose files `root` shows: subvolumes of the same file system. */
  readonly mounted?: readonly string[];
}

export interface Account {
  readonly name: string;
  readonly home: string;
}

export interface Accounts {
  readonly accounts: readonly Account[];
  /** False if there are more than are examined. */
  readonly isComplete: boolean;
}

/** Links from one file system to another, one after the other. */
const MAX_LINKS = 8;

/** Accounts examined at most: a hostile passwd may have millions. */
const MAX_ACCOUNTS = 200;

/** In bytes: the list of the modules of a kernel has 1 MiB. */
const MAX_LONG_TEXT = 16 * 1024 * 1024;

interface Place {
  readonly entry: GuestEntry;
  readonly files: GuestFileSystem;
  /** The path inside `files`. */
  readonly inside: string;
}

const EFI_FOLDERS: readonly string[] = ['/boot/efi', '/efi', '/boot'];

export class LinuxSystem {
  readonly #volumes: LinuxVolumes;

  constructor(volumes: LinuxVolumes) {
    this.#volumes = volumes;
  }

  /** Whether the disk has an EFI system partition that can be read. */
  get hasEfi(): boolean {
    return this.#volumes.efi !== undefined;
  }

  /** @throws {GuestUnreadableError} */
  async look(path: string): Promise<GuestEntry> {
    return (await this.#find(path, 0)).entry;
  }

  /**
   * A file of any size, to be read in parts. Undefined if it is not a file.
   * @throws {GuestUnreadableError} also when it is read.
   */
  async open(path: string): Promise<RangedFile | undefined> {
    const { entry, files, inside } = await this.#find(path, 0);
    if (entry.kind !== 'file') return undefined;
    return { size: entry.size, read: async (offset, length) => await files.read(inside, offset, length) };
  }

  /**
   * The text of a file, or undefined if it is not a file. Invalid UTF-8 is replaced.
   * @throws {GuestUnreadableError} also if it is longer than `MAX_GUEST_FILE`: a part of it decides nothing.
   */
  async readText(path: string): Promise<string | undefined> {
    const entry = await this.look(path);
    return entry.kind === 'file' ? wholeText(entry, path) : undefined;
  }

  /** The beginning of a file of any kind and size, at most `MAX_GUEST_FILE` bytes, as text. @throws {GuestUnreadableError} */
  async readStart(path: string): Promise<string | undefined> {
    const entry = await this.look(path);
    return entry.kind === 'file' ? new TextDecoder().decode(entry.bytes) : undefined;
  }

  /** The text of a file that may be longer than configuration files are. @throws {GuestUnreadableError} also if it is too long. */
  async readLongText(path: string): Promise<string | undefined> {
    const file = await this.open(path);
    if (file === undefined) return undefined;
    if (file.size > MAX_LONG_TEXT) throw tooLong(path, file.size);
    return new TextDecoder().decode(await file.read(0, file.size));
  }

  /** The names in a folder; empty if the folder does not exist. @throws {GuestUnreadableError} */
  async names(path: string): Promise<readonly string[]> {
    const entry = await this.look(path);
    return entry.kind === 'directory' ? [...entry.names].sort() : [];
  }

  /** The first of `paths` that exists. @throws {GuestUnreadableError} */
  async firstOf(paths: readonly string[]): Promise<string | undefined> {
    for (const path of paths) {
      if ((await this.look(path)).kind !== 'absent') return path;
    }
    return undefined;
  }

  /** The entries of /etc/fstab. @throws {GuestUnreadableError} */
  async mountPoints(): Promise<readonly MountPoint[]> {
    const entry = await this.#volumes.root.look('/etc/fstab');
    return mountPointsIn(entry.kind === 'file' ? wholeText(entry, '/etc/fstab') : '');
  }

  /** The accounts with a home directory, root first. Several may have the same one. @throws {GuestUnreadableError} */
  async accounts(): Promise<Accounts> {
    const entries = linesOf((await this.readText('/etc/passwd')) ?? '').map((line) => line.split(':'));
    const accounts = new Map<string, Account>([['root:/root', { name: 'root', home: '/root' }]]);
    for (const [name = '', , , , , home = ''] of entries) {
      const isHome = home.startsWith('/') && home !== '/' && home !== '/nonexistent';
      const key = `${name}:${home}`;
      if (!isHome || accounts.has(key)) continue;
      if (accounts.size === MAX_ACCOUNTS) return { accounts: [...accounts.values()], isComplete: false };
      accounts.set(key, { name, home });
    }
    return { accounts: [...accounts.values()], isComplete: true };
  }

  async #find(path: string, links: number): Promise<Place> {
    const mounted = await this.#mountedAt(path);
    if (mounted !== undefined) {
      const entry = await mounted.files.look(mounted.inside);
      return (await this.#followed(entry, path, mounted.inside, links)) ?? { ...mounted, entry };
    }
    const { root } = this.#volumes;
    const place = { entry: await root.look(path), files: root, inside: path };
    const { entry } = place;
    if (entry.kind !== 'absent') return place;
    // A link on the root may lead to another file system: /home is often one to /var/home.
    if (entry.leadsTo !== undefined && entry.leadsTo !== path && links < MAX_LINKS) {
      return await this.#find(entry.leadsTo, links + 1);
    }
    for (const [files, inside] of await this.#otherPlaces(path)) {
      const found = await files.look(inside);
      if (found.kind !== 'absent') return { entry: found, files, inside };
      const elsewhere = await this.#followed(found, path, inside, links);
      if (elsewhere !== undefined) return elsewhere;
    }
    await this.#requireOpened(path);
    return place;
  }

  /** Where a link on another file system than the root leads: /boot/grub2/grubenv of Red Hat is one to the EFI system partition. */
  async #followed(entry: GuestEntry, path: string, inside: string, links: number): Promise<Place | undefined> {
    if (entry.kind !== 'absent' || entry.leadsTo === undefined) return undefined;
    const { leadsTo, from } = entry;
    if (from === undefined || links >= MAX_LINKS) {
      throw new GuestUnreadableError(`${path} is a link to ${leadsTo}, maybe on another file system`);
    }
    const mountPoint = path.slice(0, path.length - inside.length);
    const target = from === 'system' ? leadsTo : `${mountPoint}${leadsTo}`;
    return target === path ? undefined : await this.#find(target, links + 1);
  }

  /** The volume whose mount point is the nearest above `path`, if it is known. The root is not looked for. */
  async #mountedAt(path: string): Promise<MountedVolume | undefined> {
    const { volumeNamed, root, mounted = [] } = this.#volumes;
    if (volumeNamed === undefined || path === '/etc/fstab') return undefined;
    const above = (await this.mountPoints()).filter((mount) => mount.path !== '/' && path.startsWith(`${mount.path}/`));
    const nearest = above.reduce<MountPoint | undefined>(
      (best, mount) => (best === undefined || mount.path.length >= best.path.length ? mount : best),
      undefined,
    );
    if (nearest === undefined || mounted.includes(nearest.path)) return undefined;
    const volume = volumeNamed(nearest.device);
    if (volume === undefined || volume === root) return undefined;
    const inside = path.slice(nearest.path.length);
    // Only btrfs has subvolumes, also where fstab says auto.
    if (volume.mounted === undefined) return { files: volume, inside };
    return { files: volume.mounted([{ path: '/', subvolume: subvolumeOf(nearest.options) }]), inside };
  }

  /** Other volumes that may hold `path`, each with the path inside it. */
  async #otherPlaces(path: string): Promise<[GuestFileSystem, string][]> {
    const { boot, efi } = this.#volumes;
    const places: [GuestFileSystem, string][] = [];
    if (boot !== undefined && path.startsWith('/boot/')) places.push([boot, path.slice('/boot'.length)]);
    if (efi === undefined) return places;
    for (const folder of await this.#efiFolders()) {
      if (path.startsWith(`${folder}/`)) places.push([efi, path.slice(folder.length)]);
    }
    return places;
  }

  /** Where the EFI system partition may be mounted. systemd mounts it without an entry in fstab. */
  async #efiFolders(): Promise<readonly string[]> {
    const mounts = (await this.mountPoints()).filter(({ fileSystem }) => fileSystem === 'vfat').map(({ path }) => path);
    const known = mounts.filter((path) => EFI_FOLDERS.includes(path));
    return known.length > 0 ? known : ['/boot/efi', '/efi'];
  }

  /** Throws if `path` belongs to a mounted file system that vhdup did not open: then it may exist there. */
  async #requireOpened(path: string): Promise<void> {
    const { boot, efi, mounted: shown = [] } = this.#volumes;
    const efiFolders = efi === undefined ? [] : await this.#efiFolders();
    for (const { path: mounted } of await this.mountPoints()) {
      if (mounted === '/' || !path.startsWith(`${mounted}/`) || efiFolders.includes(mounted)) continue;
      if (shown.includes(mounted) || (mounted === '/boot' && boot !== undefined)) continue;
      throw new GuestUnreadableError(`${path} is on the file system of ${mounted}, which vhdup did not examine`);
    }
  }
}

interface MountedVolume {
  readonly files: GuestFileSystem;
  /** The path in its file system. */
  readonly inside: string;
}

function wholeText({ size, bytes }: { readonly size: number; readonly bytes: Uint8Array }, path: string): string {
  if (size > bytes.length) throw tooLong(path, size);
  return new TextDecoder().decode(bytes);
}

function tooLong(path: string, size: number): GuestUnreadableError {
  return new GuestUnreadableError(`${path} has ${size} bytes, too many for its kind`);
}
