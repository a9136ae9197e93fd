// A disk like that of a Linux installation: GPT, one ext4 partition, a few GB of real files; in every format.
import { open, rm } from 'node:fs/promises';
import { encodeFixedFooter } from '../../src/image/vhd/footer.ts';
import type { Bench } from '../bench.ts';
import { runTool } from './tools.ts';

const MIB = 1024 ** 2;
const PARTITION_OFFSET = MIB;
/** Space for the second GPT, in bytes. */
const TAIL = MIB;
/** The first of these folders that fills at most a quarter of the disk is copied into it. */
const FILES = ['/usr/lib', '/usr/share', '/usr/include', '/usr/sbin'];

/** The same disk in three files. */
export interface LinuxDisk {
  /** Sparse. */
  readonly fixed: string;
  readonly dynamic: string;
  readonly vhdx: string;
}

/** Needs sgdisk, mkfs.ext4 and qemu-img. @throws if one is missing. */
export async function linuxDisk(bench: Bench, size: number): Promise<LinuxDisk> {
  const fixed = await bench.image(`linux-${size}.vhd`, (path) => makeFixed(path, size));
  const source = `driver=raw,size=${size},file.driver=file,file.filename=${fixed}`;
  const convert = (name: string, ...format: string[]) =>
    bench.image(name, async (path) => {
      await runTool('qemu-img', ['convert', '--image-opts', source, ...format, path]);
    });
  return {
    fixed,
    dynamic: await convert(`linux-${size}-dynamic.vhd`, '-O', 'vpc', '-o', 'subformat=dynamic,force_size=on'),
    vhdx: await convert(`linux-${size}-dynamic.vhdx`, '-O', 'vhdx', '-o', 'subformat=dynamic'),
  };
}

async function makeFixed(path: string, size: number): Promise<void> {
  await rm(path, { force: true });
  await runTool('truncate', ['--size', String(size), path]);
  await runTool('sgdisk', ['--clear', '--new=1:2048:0', '--typecode=1:8300', path]);
  const kib = (size - PARTITION_OFFSET - TAIL) / 1024;
  const partition = ['-E', `offset=${PARTITION_OFFSET}`, path, `${kib}k`];
  await runTool('mkfs.ext4', ['-q', '-F', '-d', await filesFor(size), ...partition]);
  await appendFooter(path, size);
}

async function filesFor(size: number): Promise<string> {
  for (const folder of FILES) {
    const used = await runTool('du', ['--summarize', '--block-size=1', folder]);
    if (Number.parseInt(used, 10) <= size / 4) return folder;
  }
  throw new Error(`A disk of ${size} bytes is too small for any of ${FILES.join(', ')}.`);
}

/** Makes a fixed VHD of a raw disk, in place. */
export async function appendFooter(path: string, size: number): Promise<void> {
  const footer = encodeFixedFooter({ size, uniqueId: new Uint8Array(16).fill(7), timestamp: 700_000_000 });
  const file = await open(path, 'r+');
  try {
    await file.write(footer, 0, footer.length, size);
    await file.sync();
  } finally {
    await file.close();
  }
}
