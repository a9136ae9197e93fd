// NTFS volumes made by mkntfs and filled through ntfs-3g, and what the mount shows of them.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenedFileSystem, VolumeBytes } from '../../src/volume/file-systems/opened-file-system.ts';

const MIB = 1024 * 1024;

function whyNoNtfs(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'NTFS volumes are mounted by root on Linux only';
  try {
    for (const tool of ['mkntfs', 'ntfs-3g', 'ntfsinfo', 'setfattr', '/dev/fuse']) {
      execFileSync('sh', ['-c', `command -v ${tool} || test -e ${tool}`], { stdio: 'ignore' });
    }
    return undefined;
  } catch {
    return 'mkntfs, ntfs-3g, setfattr or FUSE are absent (Debian: apt-get install ntfs-3g attr)';
  }
}

/** Why NTFS volumes cannot be made here; undefined if they can. */
export const NO_NTFS_TOOLS = whyNoNtfs();

export interface NtfsVolumeOptions {
  readonly folder: string;
  /** In MiB. */
  readonly size: number;
  /** Arguments of mkntfs. */
  readonly mkntfs?: readonly string[];
  /** Writes files below the mount point. */
  readonly fill: (mountPoint: string) => void;
}

/** @returns the path of the image. */
export function makeNtfsVolume({ folder, size, mkntfs = [], fill }: NtfsVolumeOptions): string {
  const image = join(mkdtempSync(join(folder, 'ntfs-')), 'volume');
  writeFileSync(image, '');
  truncateSync(image, size * MIB);
  execFileSync('mkntfs', ['-F', '-Q', '-q', ...mkntfs, image], { stdio: 'ignore' });
  // Names of streams follow a colon, as in Windows.
  withMount(image, 'compression,streams_interface=windows', fill);
  return image;
}

/** Mounts the image for as long as `use` takes. */
export function withMount<Result>(image: string, options: string, use: (mountPoint: string) => Result): Result {
  const mountPoint = mkdtempSync(join(tmpdir(), 'vhdup-ntfs-mount-'));
  try {
    execFileSync('ntfs-3g', ['-o', options, image, mountPoint], { stdio: 'ignore' });
    try {
      return use(mountPoint);
    } finally {
      execFileSync('umount', [mountPoint]);
    }
  } finally {
    // Fails if it is still mounted, as it should.
    rmdirSync(mountPoint);
  }
}

/** A volume in a file. It is read synchronously, and stays open until the process ends. */
export function volumeOfImage(image: string): VolumeBytes & { readCount: number } {
  const file = openSync(image, 'r');
  return {
    readCount: 0,
    size: fstatSync(file).size,
    read({ offset, length }, into) {
      this.readCount++;
      if (readSync(file, into, 0, length, offset) !== length)
        return Promise.reject(new RangeError(`Outside: ${offset}`));
      return Promise.resolve();
    },
  };
}

/** Paths, kinds, sizes and contents: one line for each file. */
export type Listing = Readonly<Record<string, string>>;

export function listMounted(mountPoint: string): Listing {
  const lines: Record<string, string> = {};
  const add = (path: string) => {
    for (const name of readdirSync(mountPoint + path)) {
      const file = `${path}/${name}`;
      const stats = lstatSync(mountPoint + file);
      if (stats.isDirectory()) add(file);
      const kind = stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : undefined;
      lines[file] = kind ?? lineOf(readFileSync(mountPoint + file));
    }
  };
  add('');
  return lines;
}

export async function listRead(files: OpenedFileSystem): Promise<Listing> {
  const lines: Record<string, string> = {};
  const add = async (path: string) => {
    for (const name of await files.readdir(path === '' ? '/' : path)) {
      const file = `${path}/${name}`;
      const entry = await files.stat(file);
      if (entry?.kind === 'folder') await add(file);
      lines[file] = entry?.kind === 'file' ? lineOf(await files.read(file, 0, entry.size)) : String(entry?.kind);
    }
  };
  await add('');
  return lines;
}

function lineOf(bytes: Uint8Array): string {
  return `${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Makes a reparse point of a file or an empty folder. */
export function setReparsePoint(path: string, tag: number, data: Buffer): void {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(tag, 0);
  head.writeUInt16LE(data.length, 4);
  const value = `0x${Buffer.concat([head, data]).toString('hex')}`;
  execFileSync('setfattr', ['-h', '-n', 'system.ntfs_reparse_data', '-v', value, path]);
}
