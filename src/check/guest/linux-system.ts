// LinuxSystem: the files of a Linux installation, whose root, /boot and EFI system partition may be separate volumes.
import { type GuestEntry, type GuestFileSystem, GuestUnreadableError } from './guest-file-system.ts';

export interface LinuxVolumes {
  readonly root: GuestFileSystem;
  /** A separate partition for /boot. */
  readonly boot?: GuestFileSystem;
  /** The EFI system partition, which Linux mounts at /boot/efi, /efi or /boot. */
  readonly efi?: GuestFileSystem;
}

export interface MountPoint {
  /** `UUID=...`, `/dev/sda1`, `tmpfs`. */
  readonly device: string;
  readonly path: string;
  readonly fileSystem: string;
}

export interface Account {
  readonly name: string;
  readonly home: string;
}

/** Accounts examined at most: a hostile passwd may have millions. */
const MAX_ACCOUNTS = 200;

const EFI_FOLDERS: readonly string[] = ['/boot/efi', '/efi', '/boot'];

export class LinuxSystem {
  readonly #volumes: LinuxVolumes;

  constructor(volumes: LinuxVolumes) {
    this.#volumes = volumes;
  }

  /** @throws {GuestUnreadableError} */
  async look(path: string): Promise<GuestEntry> {
    const entry = await this.#volumes.root.look(path);
    if (entry.kind !== 'absent') return entry;
    for (const [files, inside] of await this.#otherPlaces(path)) {
      const found = await files.look(inside);
      if (found.kind !== 'absent') return found;
    }
    await this.#requireOpened(path);
    return entry;
  }

  /** The text of a file, or undefined if it is not a file. Invalid UTF-8 is replaced. @throws {GuestUnreadableError} */
  async readText(path: string): Promise<string | undefined> {
    const entry = await this.look(path);
    return entry.kind === 'file' ? new TextDecoder().decode(entry.bytes) : undefined;
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
    const text = entry.kind === 'file' ? new TextDecoder().decode(entry.bytes) : '';
    return linesOf(text).flatMap((line) => {
      const [device, path, fileSystem] = line.split(/\s+/);
      return device === undefined || path === undefined || fileSystem === undefined
        ? []
        : [{ device, path: path.replace(/(?<=.)\/+$/, ''), fileSystem }];
    });
  }

  /** The accounts with a home directory, root first. @throws {GuestUnreadableError} */
  async accounts(): Promise<readonly Account[]> {
    const entries = linesOf((await this.readText('/etc/passwd')) ?? '').map((line) => line.split(':'));
    const accounts = new Map<string, string>([['/root', 'root']]);
    for (const [name = '', , , , , home = ''] of entries) {
      const isHome = home.startsWith('/') && home !== '/' && home !== '/nonexistent';
      if (isHome && !accounts.has(home) && accounts.size < MAX_ACCOUNTS) accounts.set(home, name);
    }
    return [...accounts].map(([home, name]) => ({ home, name }));
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
    const { boot, efi } = this.#volumes;
    const efiFolders = efi === undefined ? [] : await this.#efiFolders();
    for (const { path: mounted } of await this.mountPoints()) {
      if (mounted === '/' || !path.startsWith(`${mounted}/`) || efiFolders.includes(mounted)) continue;
      if (mounted === '/boot' && boot !== undefined) continue;
      throw new GuestUnreadableError(`${path} is on the file system of ${mounted}, which vhdup did not examine`);
    }
  }
}

/** The trimmed lines, without comments and blank lines. */
export function linesOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
