// Makes real disks with Debian's tools: partition tables by sfdisk, file systems by mkfs, files without mounting.
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, open, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const run = promisify(execFile);

const MIB = 1024 * 1024;

/** The needed tools, each with its Debian package. */
const TOOLS = {
  sfdisk: 'fdisk',
  'mkfs.ext4': 'e2fsprogs',
  debugfs: 'e2fsprogs',
  'mkfs.vfat': 'dosfstools',
  mcopy: 'mtools',
  mkntfs: 'ntfs-3g',
  mkswap: 'util-linux',
  'mkfs.xfs': 'xfsprogs',
  cryptsetup: 'cryptsetup-bin',
} as const;

/** Debian installs most of them in folders that are only in the PATH of root. */
const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

/** Whether a tool is installed. */
export function hasTool(tool: string): boolean {
  return spawnSync(tool, ['--version'], { env: environment }).error === undefined;
}

const missing = Object.entries(TOOLS)
  .filter(([tool]) => !hasTool(tool))
  .map(([, name]) => name);

/** The missing tools; undefined if there are none. */
export const NO_DISK_TOOLS =
  missing.length === 0 ? undefined : `disk tools are not installed: apt-get install ${[...new Set(missing)].join(' ')}`;

/** Runs a tool. @returns its output. @throws with its output if it fails. */
export async function tool(name: string, args: readonly string[], input = ''): Promise<string> {
  const running = run(name, [...args], { env: environment });
  // A tool that does not read its input closes it early.
  running.child.stdin?.on('error', () => undefined).end(input);
  return (await running).stdout;
}

/** A path and its text; `-> target` makes a symbolic link. */
export type GuestTree = Readonly<Record<string, string>>;

/** As in a tree of texts, and files with any bytes. */
export type GuestFileTree = Readonly<Record<string, string | Uint8Array>>;

export interface GuestPartition {
  /** In MiB. */
  readonly size: number;
  /** In the form of sfdisk: a letter, a GUID or a hexadecimal number. */
  readonly type: string;
  readonly bootable?: boolean;
  readonly fileSystem?: 'ext4' | 'vfat' | 'ntfs' | 'swap' | 'xfs' | 'luks';
  /** Arguments of mkfs. */
  readonly mkfs?: readonly string[];
  /** Its files; XFS and NTFS are mounted to write them, which needs root. */
  readonly files?: GuestFileTree;
  /** Only for a GPT. @default any */
  readonly id?: string;
}

export interface GuestDisk {
  readonly table: 'gpt' | 'dos' | 'none';
  /** In MiB. @default 1 more than the partitions need */
  readonly size?: number;
  /** Start of the first partition, in sectors. @default 2048 */
  readonly firstSector?: number;
  readonly hasBootCode?: boolean;
  /** A GUID for a GPT, `0x` and eight digits for an MBR. @default any */
  readonly id?: string;
  readonly partitions: readonly GuestPartition[];
}

/** A folder that exists until the test ends. */
export async function diskFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vhdup-disk-'));
  onTestFinished(async () => await rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes the disk as a raw image into a new folder. @returns its path. */
export async function makeDisk(disk: GuestDisk): Promise<string> {
  const path = join(await diskFolder(), 'disk.img');
  await writeDisk(path, disk);
  return path;
}

/** Runs `work` in a temporary folder. */
async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'vhdup-disk-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function writeDisk(path: string, disk: GuestDisk): Promise<void> {
  const firstSector = disk.firstSector ?? 2048;
  const needed = disk.partitions.reduce((sum, { size }) => sum + size, 0);
  await writeFile(path, '');
  await truncate(path, (disk.size ?? needed + 2) * MIB);
  let sector = firstSector;
  const starts = disk.partitions.map(({ size }) => {
    const start = sector;
    sector += (size * MIB) / 512;
    return start;
  });
  if (disk.table !== 'none') {
    const lines = disk.partitions.map(({ size, type, bootable, id }, index) => {
      const rest = `${bootable === true ? ', bootable' : ''}${id === undefined ? '' : `, uuid=${id}`}`;
      return `start=${starts[index]}, size=${(size * MIB) / 512}, type=${type}${rest}`;
    });
    const header = [
      `label: ${disk.table}`,
      ...(disk.id === undefined ? [] : [`label-id: ${disk.id}`]),
      ...(disk.table === 'gpt' ? ['first-lba: 34'] : []),
    ];
    await tool('sfdisk', ['--quiet', path], `${[...header, ...lines].join('\n')}\n`);
  }
  for (const [index, partition] of disk.partitions.entries()) {
    const start = disk.table === 'none' ? 0 : (starts[index] ?? 0) * 512;
    await format(path, partition, start);
  }
  if (disk.hasBootCode === true) await overwrite(path, 0, Buffer.from('eb63900000', 'hex'));
}

/** Writes bytes into a file. */
export async function overwrite(path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(bytes, 0, bytes.length, offset);
  } finally {
    await file.close();
  }
}

async function format(path: string, partition: GuestPartition, offset: number): Promise<void> {
  const { size, fileSystem, mkfs = [] } = partition;
  switch (fileSystem) {
    case undefined:
      return;
    case 'ext4': {
      await inFolder(async (tree) => {
        await plant(tree, partition.files ?? {});
        const where = ['-E', `offset=${offset}`, '-d', tree, path, `${size}M`];
        await tool('mkfs.ext4', ['-q', '-F', ...mkfs, ...where]);
      });
      return;
    }
    case 'vfat':
      await tool('mkfs.vfat', [`--offset=${offset / 512}`, ...mkfs, path, String(size * 1024)]);
      await copyIntoFat(path, offset, partition.files ?? {});
      return;
    default:
      await formatApart(path, offset, partition);
  }
}

/** For tools without an option for the offset: makes the file system in a separate file and copies it into the disk. */
async function formatApart(
  path: string,
  offset: number,
  { size, fileSystem, mkfs = [], files }: GuestPartition,
): Promise<void> {
  await inFolder(async (folder) => {
    const volume = join(folder, 'volume');
    await writeFile(volume, '');
    await truncate(volume, size * MIB);
    if (fileSystem === 'ntfs') await tool('mkntfs', ['-F', '-Q', '-q', ...mkfs, volume]);
    else if (fileSystem === 'swap') await tool('mkswap', [...mkfs, volume]);
    else if (fileSystem === 'xfs') await tool('mkfs.xfs', ['-q', ...mkfs, volume]);
    else if (fileSystem === 'luks') {
      const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
      await tool('cryptsetup', ['luksFormat', '-q', ...quick, ...mkfs, volume, '-'], 'passphrase');
    }
    if (files !== undefined) await plantMounted(volume, fileSystem, files);
    const place = ['bs=64K', `seek=${offset}`, 'oflag=seek_bytes', 'conv=notrunc,sparse', 'status=none'];
    await tool('dd', [`if=${volume}`, `of=${path}`, ...place]);
  });
}

/** Writes files into a volume, through a mount. */
export async function plantMounted(
  volume: string,
  fileSystem: string | undefined,
  files: GuestFileTree,
): Promise<void> {
  const folder = `${volume}.mounted`;
  await mkdir(folder);
  if (fileSystem === 'ntfs') await tool('ntfs-3g', [volume, folder]);
  else await tool('mount', ['-o', 'loop', volume, folder]);
  try {
    await plant(folder, files);
  } finally {
    await tool('umount', [folder]);
  }
}

/** Writes files into a folder. */
async function plant(folder: string, files: GuestFileTree): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    if (typeof text === 'string' && text.startsWith('-> ')) await symlink(text.slice('-> '.length), path);
    else await writeFile(path, text);
  }
}

async function copyIntoFat(path: string, offset: number, files: GuestFileTree): Promise<void> {
  const roots = [...new Set(Object.keys(files).map((name) => name.split('/')[1] ?? ''))];
  if (roots.length === 0) return;
  await inFolder(async (tree) => {
    await plant(tree, files);
    await tool('mcopy', ['-s', '-i', `${path}@@${offset}`, ...roots.map((root) => join(tree, root)), '::/']);
  });
}

/** Sets the dirty flag of $Volume, as Windows does while a volume is mounted. The copy in $MFTMirr stays unchanged. */
export async function setNtfsDirty(path: string): Promise<void> {
  const disk = await readFile(path);
  const start = disk.indexOf('NTFS    ', 0, 'latin1') - 3;
  const clusterSize = disk.readUInt16LE(start + 11) * disk.readUInt8(start + 13);
  const record = start + Number(disk.readBigUInt64LE(start + 48)) * clusterSize + 3 * 1024;
  let at = record + disk.readUInt16LE(record + 20);
  while (disk.readUInt32LE(at) !== 0x70) at += disk.readUInt32LE(at + 4);
  await overwrite(path, at + disk.readUInt16LE(at + 20) + 10, Uint8Array.of(1));
}
