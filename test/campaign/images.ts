// Random images, made and read by qemu-img. A blob must contain what qemu-img reads.
import { execFile, execFileSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Picker } from '../hostile/random.ts';
import { buildVhd, uniqueIdOf, type VhdContent } from '../support/vhd-builder.ts';

const run = promisify(execFile);

const SECTOR = 512;
const MIB = 1024 * 1024;
/** In bytes, so that a round takes only a second or two. */
const MAX_DATA = 20 * MIB;

const KINDS = [
  'raw',
  'raw',
  'vhd-fixed',
  'vhd-dynamic',
  'vhd-dynamic',
  'vhdx-fixed',
  'vhdx-dynamic',
  'vhdx-dynamic',
  'vhd-differencing',
] as const;

/** An image in the folder of a round, which may move. */
export interface CampaignImage {
  readonly description: string;
  /** The name of the file that is uploaded. */
  readonly name: string;
  /** Every file that belongs to it. */
  readonly files: readonly string[];
  /** The arguments that `vhdup` needs to read it. */
  readonly arguments: readonly string[];
  /** Length of the disk in bytes, without padding. */
  readonly size: number;
  /** Where the image has data, as far as known: good places for changes. */
  readonly data: readonly { readonly offset: number; readonly length: number }[];
  /** Reads the disk, padded to a whole MiB. */
  read(folder: string): Buffer;
  /** Changes some bytes of the disk. */
  modify(folder: string, pick: Picker): void;
}

/** Makes an image named after `stem`. @param kind - @default random */
export async function makeImage(
  folder: string,
  stem: string,
  pick: Picker,
  kind: (typeof KINDS)[number] = pick.of(KINDS),
): Promise<CampaignImage> {
  const size = randomSize(pick);
  const data = randomLayout(pick, size);
  const source = join(folder, `${stem}.source`);
  writeRaw(source, size, data, pick);
  try {
    return await (kind === 'vhd-differencing'
      ? makeChain(folder, stem, source, data, pick)
      : convert(folder, stem, source, kind, data, pick));
  } finally {
    rmSync(source);
  }
}

function randomSize(pick: Picker): number {
  const size = pick.between(4, pick.chance(0.2) ? 64 : 24) * MIB;
  return pick.chance(0.4) ? size : size + pick.below(2048) * SECTOR;
}

/** A few large and many small pieces, apart or adjacent. */
function randomLayout(pick: Picker, size: number) {
  const data: { offset: number; length: number }[] = [];
  let total = 0;
  for (let piece = pick.between(1, 14); piece > 0; piece--) {
    const length = pick.chance(0.4) ? pick.between(1, 64) * SECTOR : pick.between(1, 5 * 2048) * SECTOR;
    if (total + length > MAX_DATA || length > size) continue;
    total += length;
    data.push({ offset: pick.below((size - length) / SECTOR + 1) * SECTOR, length });
  }
  return data;
}

function writeRaw(path: string, size: number, data: readonly { offset: number; length: number }[], pick: Picker): void {
  const file = openSync(path, 'w');
  try {
    ftruncateSync(file, size);
    for (const { offset, length } of data) writeSync(file, randomBytes(pick, length), 0, length, offset);
  } finally {
    closeSync(file);
  }
}

/** Bytes that look random, with some sectors of zeros. */
function randomBytes(pick: Picker, length: number): Buffer {
  const key = Buffer.alloc(16);
  key.writeUInt32BE(pick.below(2 ** 32));
  const bytes = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
  for (let hole = pick.below(4); hole > 0; hole--) {
    const start = pick.below(length / SECTOR) * SECTOR;
    bytes.fill(0, start, Math.min(length, start + pick.between(1, 300) * SECTOR));
  }
  return bytes;
}

async function convert(
  folder: string,
  stem: string,
  source: string,
  kind: Exclude<(typeof KINDS)[number], 'vhd-differencing'>,
  data: CampaignImage['data'],
  pick: Picker,
): Promise<CampaignImage> {
  const { format, extension, options } = formatOf(kind, pick);
  const name = `${stem}.${extension}`;
  const path = join(folder, name);
  const flags = options === '' ? [] : ['-o', options];
  await run('qemu-img', ['convert', '-f', 'raw', '-O', format, ...flags, source, path]);
  // Simulates a used disk: some sectors are overwritten, zeroed or discarded.
  const commands = Array.from({ length: pick.below(4) }, () => randomCommand(pick));
  if (commands.length > 0) changeWith(path, format, commands);
  const [information] = await Promise.all([run('qemu-img', ['info', '-f', format, '--output=json', path])]);
  const size = (JSON.parse(information.stdout) as { 'virtual-size': number })['virtual-size'];
  return {
    description: `${kind}${options === '' ? '' : ` (${options})`}, ${size} bytes`,
    name,
    files: [name],
    arguments: format === 'raw' ? ['--format', 'raw'] : [],
    size,
    data,
    read: (where) => readDisk(join(where, name), format),
    modify: (where, by) => changeWith(join(where, name), format, [randomWrite(by, data, size)]),
  };
}

function formatOf(kind: Exclude<(typeof KINDS)[number], 'vhd-differencing'>, pick: Picker) {
  if (kind === 'raw') return { format: 'raw', extension: pick.of(['raw', 'img']), options: '' };
  const subformat = kind.endsWith('fixed') ? 'fixed' : 'dynamic';
  if (kind.startsWith('vhdx')) {
    const block = subformat === 'dynamic' && pick.chance(0.7) ? `,block_size=${pick.of([1, 2, 8, 32])}M` : '';
    const log = pick.chance(0.3) ? `,log_size=${pick.of([2, 4])}M` : '';
    return { format: 'vhdx', extension: 'vhdx', options: `subformat=${subformat}${block}${log}` };
  }
  const size = pick.chance(0.6) ? ',force_size=on' : '';
  return { format: 'vpc', extension: 'vhd', options: `subformat=${subformat}${size}` };
}

/** A command of qemu-io for the first 4 MiB, which every disk has. */
function randomCommand(pick: Picker): string {
  const offset = pick.below(2 * 2048) * SECTOR;
  const length = pick.between(1, 2 * 2048) * SECTOR;
  return pick.of([
    `write -P ${pick.between(1, 255)} ${offset} ${length}`,
    `write -z ${offset} ${length}`,
    `write -P 0 ${offset} ${length}`,
    `discard ${offset} ${length}`,
  ]);
}

/** A write to a place with data, or anywhere. */
function randomWrite(pick: Picker, data: CampaignImage['data'], size: number): string {
  const { offset, length } = pick.chance(0.7) && data.length > 0 ? pick.of(data) : { offset: 0, length: size };
  const sector = pick.below(Math.floor(length / SECTOR));
  return `write -P ${pick.between(1, 255)} ${offset + sector * SECTOR} ${SECTOR}`;
}

function changeWith(path: string, format: string, commands: readonly string[]): void {
  execFileSync('qemu-io', ['-f', format, ...commands.flatMap((command) => ['-c', command]), path], { stdio: 'pipe' });
}

function readDisk(path: string, format: string): Buffer {
  const copy = `${path}.reading`;
  execFileSync('qemu-img', ['convert', '-f', format, '-O', 'raw', path, copy], { stdio: 'pipe' });
  try {
    return paddedToMib(readFileSync(copy));
  } finally {
    rmSync(copy);
  }
}

export function paddedToMib(disk: Buffer): Buffer {
  return Buffer.concat([disk, Buffer.alloc((MIB - (disk.length % MIB)) % MIB)]);
}

/** qemu-img supports no differencing VHDs. So it makes and reads the parent, and the children are built over it here. */
async function makeChain(
  folder: string,
  stem: string,
  source: string,
  data: CampaignImage['data'],
  pick: Picker,
): Promise<CampaignImage> {
  const base = `${stem}-base.vhd`;
  await run('qemu-img', ['convert', '-f', 'raw', '-O', 'vpc', '-o', 'subformat=dynamic', source, join(folder, base)]);
  const head = readFileSync(join(folder, base)).subarray(0, SECTOR);
  const size = Number(head.readBigUInt64BE(48));
  const files = [base];
  const layers: VhdContent[] = [];
  let parent: { name: string; uniqueId: Uint8Array } = { name: base, uniqueId: head.subarray(68, 84) };
  for (let depth = pick.between(1, 2); depth > 0; depth--) {
    const name = depth === 1 ? `${stem}.avhd` : `${stem}-${depth}.avhd`;
    const contents = Array.from({ length: pick.between(1, 5) }, () => {
      const length = pick.between(1, 1024) * SECTOR;
      const bytes = pick.chance(0.2) ? Buffer.alloc(length) : randomBytes(pick, length);
      return { offset: pick.below((size - length) / SECTOR) * SECTOR, bytes: new Uint8Array(bytes) };
    });
    const uniqueId = uniqueIdOf(pick.below(2 ** 31));
    await buildVhd(join(folder, name), {
      type: 'differencing',
      size,
      blockSize: pick.of([512 * 1024, 2 * MIB]),
      uniqueId,
      parent: { ...parent, locators: [{ code: 'W2ru', text: `.\\${parent.name}` }] },
      contents,
    });
    files.unshift(name);
    layers.push(...contents);
    parent = { name, uniqueId };
  }
  return {
    description: `vhd-differencing, a chain of ${files.length} files, ${size} bytes`,
    name: parent.name,
    files,
    arguments: [],
    size,
    data: [...data, ...layers.map(({ offset, bytes }) => ({ offset, length: bytes.length }))],
    read: (where) => {
      const disk = readDisk(join(where, base), 'vpc');
      for (const { offset, bytes } of layers) disk.set(bytes, offset);
      return disk;
    },
    modify: (where, by) => changeWith(join(where, base), 'vpc', [randomWrite(by, data, size)]),
  };
}
