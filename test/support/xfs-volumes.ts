// XFS volumes with all forms of folders, extents and links, made by mkfs.xfs and the kernel.
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Picker } from '../hostile/random.ts';
import { runTool, TestVolume, whyNoMounts } from './loop-volume.ts';

export const MIB = 2 ** 20;

export const NO_XFS = whyNoMounts('mkfs.xfs', 'xfs_db', 'xfs_io');

/** With these variables of its own tests, mkfs.xfs makes small file systems and logs too. */
export const SMALL_XFS = ['TEST_DIR=x', 'TEST_DEV=x', 'QA_CHECK_FS=x'];

/** @param mkfs Arguments of mkfs.xfs. */
export function makeXfs(mkfs: readonly string[], size = 320 * MIB): TestVolume {
  const volume = new TestVolume(size);
  runTool('env', ...SMALL_XFS, 'mkfs.xfs', '-q', ...mkfs, volume.path);
  return volume;
}

/**
 * A volume that mkfs.xfs fills from a tree of files: for variants that kernels do not mount. Names must not contain blanks.
 * @param source The folder with the tree.
 */
export function makeXfsFrom(source: string, mkfs: readonly string[], size?: number): TestVolume {
  const lines = ['none', '0 0', ...prototypeOf(source, source)];
  const folder = mkdtempSync(join(tmpdir(), 'vhdup-prototype-'));
  try {
    writeFileSync(join(folder, 'prototype'), `${lines.join('\n')}\n`);
    return makeXfs([...mkfs, '-p', join(folder, 'prototype')], size);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** mkfs.xfs(8), option -p: type, set-id bits and permissions, owner, group, and where the contents come from. */
function prototypeOf(path: string, root: string): string[] {
  const { mode, size } = lstatSync(path);
  const name = path === root ? '' : `${basename(path)} `;
  const permissions = `${(mode & 0o4000) === 0 ? '-' : 'u'}${(mode & 0o2000) === 0 ? '-' : 'g'}${(mode & 0o777).toString(8).padStart(3, '0')} 0 0`;
  switch (mode & 0o170000) {
    case 0o040000: {
      const entries = readdirSync(path).flatMap((entry) => prototypeOf(join(path, entry), root));
      return [`${name}d${permissions}`, ...entries, '$'];
    }
    case 0o120000:
      return [`${name}l${permissions} ${readlinkSync(path)}`];
    case 0o010000:
      return [`${name}p${permissions}`];
    default:
      return [`${name}-${permissions} ${size === 0 ? '/dev/null' : path}`];
  }
}

/**
 * A tree for `makeXfsFrom`, with folders of 2 to `most` entries.
 * @param longest Bytes of the longest link: mkfs.xfs 6.1 writes those of version 5 that do not fit in an inode without their headers.
 * @returns its folder.
 */
export function plainTree(most: number, longest: number): string {
  const root = mkdtempSync(join(tmpdir(), 'vhdup-tree-'));
  const picker = new Picker(7);
  for (const size of [2, 25, 300, most]) {
    const folder = join(root, `folder-${size}`);
    mkdirSync(folder);
    for (let index = 0; index < size; index++) {
      const name = `${'n'.repeat(size === 2 ? 1 : picker.below(60))}-${index}`;
      writeFileSync(join(folder, name), bytes(picker, index % 4 === 0 ? picker.below(3000) : 8));
    }
  }
  writeFileSync(join(root, 'large'), bytes(picker, 2 * MIB + 5));
  writeFileSync(join(root, 'empty'), '');
  writeFileSync(join(root, 'Größe'), 'x');
  for (const length of [1, 100, 155, 156, 157, 411, 412, 413, 700].filter((size) => size <= longest))
    symlinkSync('t'.repeat(length), join(root, `link-${length}`));
  chmodSync(join(root, 'large'), 0o6750);
  runTool('mkfifo', join(root, 'pipe'));
  return root;
}

export interface Population {
  /** The factor of the numbers of files. 1 gives some 8,000. */
  readonly scale: number;
  readonly seed?: number;
  readonly hasReflinks?: boolean;
}

/** Fills a mounted folder. */
export function populate(root: string, { scale, seed = 1, hasReflinks = false }: Population): void {
  const picker = new Picker(seed);
  writeFileSync(join(root, 'empty'), '');
  chmodSync(join(root, 'empty'), 0o4711);
  folders(root, scale, picker);
  files(root, picker, hasReflinks);
  links(root);
  runTool('mkfifo', join(root, 'pipe'));
  runTool('mknod', join(root, 'device'), 'b', '8', '1');
}

/** Folders of 2 to thousands of entries, whose blocks are between those of files; every third entry is deleted. */
function folders(root: string, scale: number, picker: Picker): void {
  const sizes = [2, 30, 300, 2000, 5000].map((size) => Math.ceil(size * scale));
  const names = sizes.map((size, folder) =>
    Array.from({ length: size }, (_, index) => `${'n'.repeat(folder === 0 ? 1 : picker.below(90))}-${index}`),
  );
  for (const folder of sizes.keys()) mkdirSync(join(root, `folder-${folder}`));
  for (let index = 0; index < Math.max(...sizes); index++) {
    names.forEach((list, folder) => {
      const name = list[index];
      if (name === undefined) return;
      const path = join(root, `folder-${folder}`, name);
      writeFileSync(path, index % 5 === 0 ? bytes(picker, picker.below(9000)) : `text ${index}`);
    });
  }
  for (const [folder, list] of names.entries()) {
    for (const [index, name] of list.entries()) {
      if (folder > 0 && index % 3 === 1) rmSync(join(root, `folder-${folder}`, name));
    }
  }
  mkdirSync(join(root, 'names'));
  const odd = ['ä', '日本語', 'a b', '-', '...', 'x'.repeat(255), 'Upper', '\u001b[31m', 'new\nline'];
  for (const name of odd) writeFileSync(join(root, 'names', name), name);
  writeFileSync(Buffer.concat([Buffer.from(join(root, 'names/')), Buffer.from([0x66, 0xe9])]), 'latin-1');
  let deep = root;
  for (let level = 0; level < 30; level++) {
    deep = join(deep, `level-${level}`);
    mkdirSync(deep);
  }
  writeFileSync(join(deep, 'file'), 'deep');
}

function files(root: string, picker: Picker, hasReflinks: boolean): void {
  writeFileSync(join(root, 'large'), bytes(picker, 3 * MIB + 17));
  const holes = openSync(join(root, 'holes'), 'w');
  for (let at = 0; at < 300; at++) writeSync(holes, bytes(picker, 500), 0, 500, at * 128 * 1024 + picker.below(1000));
  closeSync(holes);
  truncateSync(join(root, 'holes'), 40 * 10 ** 6 + 3);
  const unwritten = join(root, 'preallocated');
  runTool('fallocate', '--length', String(2 * MIB), unwritten);
  const file = openSync(unwritten, 'r+');
  writeSync(file, bytes(picker, 70_000), 0, 70_000, 600_000);
  closeSync(file);
  writeFileSync(join(root, 'punched'), bytes(picker, MIB));
  runTool('fallocate', '--punch-hole', '--offset', '262144', '--length', '262144', join(root, 'punched'));
  writeFileSync(join(root, 'huge'), 'far');
  truncateSync(join(root, 'huge'), 3 * 10 ** 7);
  linkSync(join(root, 'large'), join(root, 'hard link'));
  if (!hasReflinks) return;
  runTool('cp', '--reflink=always', join(root, 'large'), join(root, 'shared'));
  const shared = openSync(join(root, 'shared'), 'r+');
  writeSync(shared, bytes(picker, 10_000), 0, 10_000, MIB);
  closeSync(shared);
}

function links(root: string): void {
  mkdirSync(join(root, 'links'));
  for (const length of [1, 40, 100, 155, 156, 157, 300, 336, 337, 400, 500, 968, 969, 1000, 1023]) {
    symlinkSync('t'.repeat(length), join(root, 'links', `of ${length}`));
  }
  symlinkSync('../large', join(root, 'links', 'relative'));
}

function bytes(picker: Picker, length: number): Buffer {
  const filled = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) filled.writeUInt32LE(Math.floor(picker.random() * 2 ** 32), at);
  return filled;
}

/** The free blocks of a volume, as xfs_db lists them: ascending ranges in bytes. Without those of the free lists. */
export function freeRanges(path: string): { offset: number; length: number }[] {
  const superblock = runTool('xfs_db', '-r', '-c', 'sb 0', '-c', 'p blocksize agblocks agcount', path);
  const [blockSize = 0, groupBlocks = 0, groups = 0] = [...superblock.matchAll(/= (\d+)/g)].map(([, digits]) =>
    Number(digits),
  );
  const ranges: { offset: number; length: number }[] = [];
  for (let group = 0; group < groups; group++) {
    const tree = runTool('xfs_db', '-r', '-c', `agf ${group}`, '-c', 'addr bnoroot', '-c', 'btdump', path);
    // Nodes are listed like leaves.
    const leaves = tree.split(/^bnobt level /m).filter((block) => block.startsWith('0 '));
    for (const [, start, count] of leaves.join('').matchAll(/\d+:\[(\d+),(\d+)\]/g)) {
      ranges.push({ offset: (group * groupBlocks + Number(start)) * blockSize, length: Number(count) * blockSize });
    }
  }
  return ranges;
}

/** The gaps between ascending ranges, from 0 to `size`. */
export function gapsOf(
  ranges: readonly { offset: number; length: number }[],
  size: number,
): { offset: number; length: number }[] {
  const ends = [0, ...ranges.map(({ offset, length }) => offset + length)];
  const starts = [...ranges.map(({ offset }) => offset), size];
  return starts
    .map((start, index) => ({ offset: ends[index] ?? 0, length: start - (ends[index] ?? 0) }))
    .filter(({ length }) => length > 0);
}
