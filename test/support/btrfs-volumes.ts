// btrfs volumes made by mkfs.btrfs and the kernel, and what btrfs-progs says of them.
import {
  closeSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type ByteRange, endOf } from '../../src/base/byte-range.ts';
import { hashOf } from '../../src/volume/file-systems/btrfs/folder-entry.ts';
import { Picker } from '../hostile/random.ts';
import { runTool, TestVolume, whyNoMounts } from './loop-volume.ts';
import { MIB } from './xfs-volumes.ts';

export const NO_BTRFS = whyNoMounts('mkfs.btrfs', 'btrfs', 'chattr');

/** @param mkfs Arguments of mkfs.btrfs. */
export function makeBtrfs(mkfs: readonly string[], size = 256 * MIB): TestVolume {
  const volume = new TestVolume(size);
  try {
    runTool('mkfs.btrfs', '-q', ...mkfs, volume.path);
    return volume;
  } catch (error) {
    volume.remove();
    throw error;
  }
}

/** Files that compress well, badly and in part, of lengths around sectors, inline limits and the longest extent. */
export function compressible(root: string): void {
  const folder = join(root, 'compressible');
  mkdirSync(folder);
  const picker = new Picker(3);
  for (const length of [1, 50, 700, 2000, 2048, 4095, 4096, 4097, 9000, 131_072, 131_073, 500_001, 3 * MIB]) {
    writeFileSync(join(folder, `text-${length}`), textOf(length, picker));
    writeFileSync(join(folder, `zeros-${length}`), Buffer.alloc(length));
    writeFileSync(join(folder, `mixed-${length}`), mixed(length, picker));
  }
  runTool('sync', '-f', root);
  for (const [length, at] of [
    [131_072, 5000],
    [500_001, 140_000],
    [3 * MIB, 1_000_000],
  ] as const) {
    const file = openSync(join(folder, `text-${length}`), 'r+');
    for (const step of [0, 20_000, 60_001]) writeSync(file, textOf(8192, picker), 0, 8192, at + step);
    closeSync(file);
  }
  truncateSync(join(folder, 'text-9000'), 5000);
}

const WORDS =
  'the kernel compresses what is written when the option of the mount says so and the text is long enough'.split(' ');

function textOf(length: number, picker: Picker): Buffer {
  let text = '';
  while (text.length < length) text += `${picker.of(WORDS)} `;
  return Buffer.from(text).subarray(0, length);
}

/** Runs of text, of one byte, and of noise. */
function mixed(length: number, picker: Picker): Buffer {
  const parts: Buffer[] = [];
  for (let left = length; left > 0; ) {
    const part = Math.min(left, picker.between(1, 6000));
    const kind = picker.below(3);
    const noise = () => Buffer.from(Array.from({ length: part }, () => picker.below(256)));
    parts.push(kind === 0 ? textOf(part, picker) : kind === 1 ? Buffer.alloc(part, picker.below(256)) : noise());
    left -= part;
  }
  return Buffer.concat(parts);
}

/** Subvolumes in each other, snapshots of them, a file without checksums, and names with the same hash. */
export function subvolumes(root: string): void {
  const at = (...names: string[]) => join(root, ...names);
  for (const path of ['@', '@/var', '@/var/log', 'plain']) runTool('btrfs', '-q', 'subvolume', 'create', at(path));
  for (const path of ['@', '@/var', '@/var/log']) writeFileSync(at(path, 'file'), `in ${path}`);
  writeFileSync(at('@', 'large'), textOf(300_000, new Picker(9)));
  symlinkSync('var/log/file', at('@', 'link'));
  mkdirSync(at('@', '.snapshots'));
  runTool('btrfs', '-q', 'subvolume', 'snapshot', '-r', at('@'), at('@', '.snapshots', '1'));
  runTool('btrfs', '-q', 'subvolume', 'snapshot', at('@'), at('again'));
  writeFileSync(at('again', 'file'), 'changed');
  rmSync(at('@', 'large'));
  writeFileSync(at('plain', 'no checksums'), '');
  runTool('chattr', '+C', at('plain', 'no checksums'));
  writeFileSync(at('plain', 'no checksums'), Buffer.alloc(50_000, 'x'));
  mkdirSync(at('same hash'));
  for (const name of sameHash()) writeFileSync(at('same hash', name), name);
}

/** Names that btrfs keeps in one item. By the birthday paradox, there are some among 200,000 random ones. */
export function sameHash(): string[] {
  const known = new Map<number, string>();
  const picker = new Picker(11);
  for (let count = 0; count < 600_000; count++) {
    const name = `name-${[0, 1, 2].map(() => picker.below(2 ** 32).toString(36)).join('-')}`;
    const hash = hashOf(Buffer.from(name));
    const other = known.get(hash);
    if (other !== undefined) return [other, name];
    known.set(hash, name);
  }
  throw new Error('There are no names with the same hash.');
}

/** The places of all extents by `btrfs inspect-internal dump-tree`, joined: with the first MiB and the superblocks. */
export function usedByTools(path: string): ByteRange[] {
  const dump = (tree: string) => runTool('btrfs', 'inspect-internal', 'dump-tree', '-t', tree, path);
  const { nodeSize, deviceBytes } = superblockOf(path);
  const chunks = dump('chunk')
    .split(/^\titem /m)
    .flatMap((item) => {
      const [, start] = /CHUNK_ITEM (\d+)\)/.exec(item) ?? [];
      const places = [...item.matchAll(/stripe \d+ devid \d+ offset (\d+)/g)].map(([, offset]) => Number(offset));
      return start === undefined
        ? []
        : [{ start: Number(start), length: Number(/length (\d+)/.exec(item)?.[1]), places }];
    });
  const size = readFileSize(path);
  const ranges: ByteRange[] = [
    { offset: 0, length: MIB },
    ...[64 * MIB, 256 * 1024 * MIB]
      .filter((offset) => offset + 4096 <= size)
      .map((offset) => ({ offset, length: 4096 })),
    { offset: deviceBytes, length: size - deviceBytes },
  ];
  for (const [, address = '', type, offset = ''] of dump('extent').matchAll(
    /key \((\d+) (EXTENT_ITEM|METADATA_ITEM) (\d+)\)/g,
  )) {
    const place = Number(address);
    const chunk = chunks.find(({ start, length }) => place >= start && place < start + length);
    if (chunk === undefined) throw new Error(`No chunk has the extent at ${address}.`);
    const length = type === 'EXTENT_ITEM' ? Number(offset) : nodeSize;
    ranges.push(...chunk.places.map((first) => ({ offset: first + place - chunk.start, length })));
  }
  return joined(ranges);
}

function joined(ranges: readonly ByteRange[]): ByteRange[] {
  const sorted = ranges.filter(({ length }) => length > 0).sort((one, other) => one.offset - other.offset);
  const found: ByteRange[] = [];
  for (const range of sorted) {
    const last = found.at(-1);
    if (last === undefined || range.offset > endOf(last)) found.push(range);
    else found[found.length - 1] = { offset: last.offset, length: Math.max(endOf(last), endOf(range)) - last.offset };
  }
  return found;
}

function superblockOf(path: string): { nodeSize: number; deviceBytes: number } {
  const text = runTool('btrfs', 'inspect-internal', 'dump-super', path);
  const field = (name: string) => Number(new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(text)?.[1]);
  return { nodeSize: field('nodesize'), deviceBytes: field('dev_item.total_bytes') };
}

function readFileSize(path: string): number {
  return Number(runTool('stat', '--format', '%s', path));
}

/** Whether btrfs-progs finds no fault, in trees and contents. */
export function isSoundForTools(path: string): boolean {
  try {
    runTool('btrfs', 'check', '--readonly', '--check-data-csum', path);
    return true;
  } catch {
    return false;
  }
}

/** Changes the first superblock and its checksum, which must be CRC-32C. */
export function changeSuperblock(path: string, change: (bytes: Buffer) => void, seal: (bytes: Buffer) => void): void {
  const bytes = Buffer.alloc(4096);
  const file = openSync(path, 'r+');
  readSync(file, bytes, 0, bytes.length, 65_536);
  change(bytes);
  seal(bytes);
  writeSync(file, bytes, 0, bytes.length, 65_536);
  closeSync(file);
}
