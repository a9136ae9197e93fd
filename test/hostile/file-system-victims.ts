// Small file systems made by their own tools, and damage to their metadata and anywhere else.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attackFileSystem } from './file-system-attack.ts';
import { Picker } from './random.ts';
import type { Victim } from './victim.ts';

const MIB = 1024 * 1024;
const SECTOR = 512;

export const FILE_SYSTEMS = ['ext', 'fat', 'exfat'] as const;
export type FileSystemKind = (typeof FILE_SYSTEMS)[number];

interface Recipe {
  readonly name: string;
  readonly type: string;
  /** In MiB. */
  readonly size: number;
  /** The program that makes it in the file of the last argument. */
  readonly make: readonly string[];
}

/** Those without checksums show more of what a reader does with damage. */
const RECIPES: Readonly<Record<FileSystemKind, readonly Recipe[]>> = {
  ext: [
    { name: 'ext2', type: 'ext2', size: 2, make: ['mkfs.ext4', '-t', 'ext2', '-b', '1024'] },
    { name: 'ext4', type: 'ext4', size: 3, make: ['mkfs.ext4', '-b', '1024', '-O', '^metadata_csum,^has_journal'] },
    {
      name: 'inline data',
      type: 'ext4',
      size: 4,
      make: ['mkfs.ext4', '-b', '4096', '-O', '^metadata_csum,inline_data,^has_journal'],
    },
    {
      name: 'meta_bg',
      type: 'ext4',
      size: 4,
      make: ['mkfs.ext4', '-b', '1024', '-O', '^metadata_csum,meta_bg,^resize_inode,^has_journal'],
    },
    {
      name: 'bigalloc',
      type: 'ext4',
      size: 4,
      make: ['mkfs.ext4', '-b', '1024', '-C', '4096', '-O', 'bigalloc,^metadata_csum,^has_journal'],
    },
    { name: 'checksums', type: 'ext4', size: 3, make: ['mkfs.ext4', '-b', '1024', '-O', 'metadata_csum,^has_journal'] },
  ],
  fat: [
    { name: 'FAT12', type: 'fat12', size: 1, make: ['mkfs.vfat', '-F', '12'] },
    { name: 'FAT16', type: 'fat16', size: 9, make: ['mkfs.vfat', '-F', '16', '-s', '4'] },
    { name: 'FAT32', type: 'fat32', size: 34, make: ['mkfs.vfat', '-F', '32', '-s', '1'] },
  ],
  exfat: [{ name: 'exFAT', type: 'exfat', size: 4, make: ['mkfs.exfat', '-c', '4096'] }],
};

/** Makes the victims in an empty folder. Needs e2fsprogs, dosfstools, mtools and exfatprogs. */
export function fileSystemVictims(kind: FileSystemKind, folder: string): Victim[] {
  const tree = plant(join(folder, 'tree'));
  return RECIPES[kind].map(({ name, type, size, make: [program = '', ...options] }) => {
    const image = join(folder, `${name}.img`);
    writeFileSync(image, '');
    truncateSync(image, size * MIB);
    const source = kind === 'ext' ? ['-q', '-F', '-d', tree] : [];
    run(program, [...options, ...source, image]);
    if (kind === 'fat') run('mcopy', ['-s', '-i', image, join(tree, 'etc'), join(tree, 'many'), '::/']);
    return victimOf(name, type, image);
  });
}

/** Their programs are in folders that are only in the PATH of root. */
function run(program: string, args: readonly string[]): void {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  execFileSync(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
}

function plant(tree: string): string {
  mkdirSync(join(tree, 'etc/deep/er'), { recursive: true });
  mkdirSync(join(tree, 'many'));
  writeFileSync(join(tree, 'etc/fstab'), 'UUID=1 / ext4 defaults 0 1\n');
  writeFileSync(join(tree, 'etc/deep/er/large'), Buffer.alloc(50_000, 'content '));
  for (let index = 0; index < 60; index++)
    writeFileSync(join(tree, `many/a file with a long name ${index}`), `${index}`);
  return tree;
}

function victimOf(name: string, type: string, image: string): Victim {
  const bytes = readFileSync(image);
  const used: number[] = [];
  for (let at = 0; at < bytes.length; at += SECTOR) {
    if (bytes.subarray(at, at + SECTOR).some((byte) => byte !== 0)) used.push(at);
  }
  /** The damaged sectors as they were, in the order of the damage. A copy of all would take more memory than what is tested. */
  const originals: { readonly at: number; readonly bytes: Buffer }[] = [];
  let length = bytes.length;
  return {
    name,
    image,
    damage: (seed) => {
      const pick = new Picker(seed);
      for (let change = pick.between(1, 12); change > 0; change--) {
        const sector = pick.of(used);
        // A value may reach into the next sector.
        originals.push({ at: sector, bytes: Buffer.from(bytes.subarray(sector, sector + 2 * SECTOR)) });
        damageSector(bytes, sector, used, pick);
      }
      length = pick.chance(1 / 16) ? pick.below(bytes.length) : bytes.length;
    },
    restore: () => {
      length = bytes.length;
      for (let one = originals.pop(); one !== undefined; one = originals.pop()) bytes.set(one.bytes, one.at);
    },
    attack: async () => await attackFileSystem(type, bytes.subarray(0, length)),
  };
}

const VALUES = ['00', 'ff', '00000000', 'ffffffff', '00000001', '7fffffff', '80000000', 'ffff', '0000'];

/** Changes a place in a sector, or copies another sector over it. */
function damageSector(bytes: Buffer, sector: number, used: readonly number[], pick: Picker): void {
  const at = sector + pick.below(SECTOR);
  const kind = pick.random();
  if (kind < 0.05) {
    const other = pick.of(used);
    bytes.copyWithin(sector, other, other + SECTOR);
  } else if (kind < 0.5) bytes.set(Buffer.from(pick.of(VALUES), 'hex').subarray(0, bytes.length - at), at);
  else bytes.writeUInt8(pick.below(256), at);
}
