// File systems that the kernel mounts: made by mkfs in a file, filled through a loop device, and compared with a reader.

import { isUtf8 } from 'node:buffer';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileEntry, OpenedFileSystem, VolumeBytes } from '../../src/volume/file-systems/opened-file-system.ts';

/** Debian installs most of the tools in folders that are only in the PATH of root. */
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

/** Runs a tool. @returns what it prints. @throws with its messages if it fails. */
export function runTool(name: string, ...args: readonly string[]): string {
  return execFileSync(name, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 28 });
}

/** Why volumes cannot be mounted here; undefined if they can. */
export function whyNoMounts(...tools: readonly string[]): string | undefined {
  const missing = [...tools, 'mount', 'losetup'].filter((name) => spawnSync('which', [name], { env }).status !== 0);
  if (missing.length > 0) return `tools are not installed: ${missing.join(' ')}`;
  if (process.getuid?.() !== 0) return 'only root mounts volumes';
  return spawnSync('losetup', ['--find'], { env }).status === 0 ? undefined : 'there are no loop devices';
}

/** A volume in a sparse file, in a folder of its own. */
export class TestVolume {
  readonly path: string;
  readonly folder: string;

  /** @param size In bytes. */
  constructor(size: number) {
    this.folder = mkdtempSync(join(tmpdir(), 'vhdup-volume-'));
    this.path = join(this.folder, 'volume');
    runTool('truncate', '--size', String(size), this.path);
  }

  /** Mounts the volume while `work` runs. */
  mounted<T>(options: string, work: (folder: string) => T): T {
    const folder = join(this.folder, 'mounted');
    mkdirSync(folder, { recursive: true });
    runTool('mount', '-o', ['loop', options].filter(Boolean).join(), this.path, folder);
    try {
      return work(folder);
    } finally {
      runTool('umount', folder);
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Reads a file, and counts the reads. */
export class CountingVolume implements VolumeBytes {
  readonly size: number;
  reads = 0;
  bytesRead = 0;
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
    this.size = lstatSync(path).size;
  }

  read({ offset, length }: { offset: number; length: number }, into: Uint8Array): Promise<void> {
    this.reads++;
    this.bytesRead += length;
    if (offset + length > this.size || into.length !== length) throw new RangeError(`Read of ${length} at ${offset}.`);
    readSync(this.#fd, into, 0, length, offset);
    return Promise.resolve();
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** What is known of a file: kind, size and mode; and the target of a link or the checksum of the contents. */
export type ShownFile = string;

/** All below a mounted folder, by path. */
export function shownBelow(folder: string): Map<string, ShownFile> {
  const shown = new Map<string, ShownFile>();
  const walk = (real: Buffer, path: string) => {
    const stats = lstatSync(real);
    shown.set(path === '' ? '/' : path, describeReal(real, stats));
    if (!stats.isDirectory()) return;
    for (const name of readdirSync(real, { encoding: 'buffer' })) {
      walk(Buffer.concat([real, Buffer.from('/'), name]), `${path}/${textOf(name)}`);
    }
  };
  walk(Buffer.from(folder), '');
  return shown;
}

/** Names that are not UTF-8 are shown as Latin-1. */
function textOf(name: Buffer): string {
  return isUtf8(name) ? name.toString() : name.toString('latin1');
}

function describeReal(path: Buffer, stats: Stats): ShownFile {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : 'other';
  const entry = { kind, size: stats.size, mode: stats.mode & 0o7777 } as const;
  if (kind === 'link') return shownFile(entry, textOf(readlinkSync(path, { encoding: 'buffer' })));
  if (kind !== 'file') return shownFile(entry, '');
  const fd = openSync(path, 'r');
  try {
    const hash = createHash('sha256');
    const bytes = Buffer.alloc(2 ** 20);
    for (let at = 0; at < stats.size; ) {
      const count = readSync(fd, bytes, 0, bytes.length, at);
      hash.update(bytes.subarray(0, count));
      at += count;
    }
    return shownFile(entry, hash.digest('hex'));
  } finally {
    closeSync(fd);
  }
}

function shownFile({ kind, size, mode }: FileEntry, rest: string): ShownFile {
  // The kernels of file systems differ in the sizes of folders.
  return `${kind} ${kind === 'folder' || kind === 'other' ? '-' : size} ${mode?.toString(8)} ${rest}`;
}

/** All that a reader shows, by path. Files are read in parts of odd lengths. */
export async function readBelow(files: OpenedFileSystem): Promise<Map<string, ShownFile>> {
  const shown = new Map<string, ShownFile>();
  const walk = async (path: string) => {
    const entry = await files.stat(path);
    if (entry === undefined) throw new Error(`Nothing at ${path}.`);
    shown.set(path, shownFile(entry, await restOf(files, path, entry)));
    if (entry.kind !== 'folder') return;
    for (const name of await files.readdir(path)) await walk(path === '/' ? `/${name}` : `${path}/${name}`);
  };
  await walk('/');
  return shown;
}

async function restOf(files: OpenedFileSystem, path: string, { kind, size }: FileEntry): Promise<string> {
  if (kind === 'link') return await files.readlink(path);
  if (kind !== 'file') return '';
  const hash = createHash('sha256');
  for (let at = 0; at < size; ) {
    const part = await files.read(path, at, 777_777);
    if (part.length === 0) throw new Error(`${path} ends at ${at} of ${size}.`);
    hash.update(part);
    at += part.length;
  }
  return hash.digest('hex');
}

/** The paths at which the two differ, with both sides. Empty if they are equal. */
export function differencesOf(real: ReadonlyMap<string, ShownFile>, read: ReadonlyMap<string, ShownFile>): string[] {
  return [...new Set([...real.keys(), ...read.keys()])]
    .filter((path) => real.get(path) !== read.get(path))
    .map((path) => `${path}: mounted ${real.get(path)}, read ${read.get(path)}`);
}
