// Disks as Debian's own tools make them: sfdisk for the table, mkfs and its kin for what lies in the partitions.
import { execFile, spawnSync } from 'node:child_process';
import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** mkfs and its kin are not on the path of every user. */
const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, MTOOLS_SKIP_CHECK: '1' };
const MIB = 1024 * 1024;
const runFile = promisify(execFile);

/** Those of `tools` that are not installed. */
export function missingTools(...tools: readonly string[]): string[] {
  // Not every one of them knows --version: that it starts is enough.
  return tools.filter((tool) => spawnSync(tool, ['--version'], { env, input: '' }).error !== undefined);
}

/** Its standard output. @throws when it fails. */
export async function runTool(tool: string, ...args: readonly string[]): Promise<string> {
  return (await runFile(tool, [...args], { env })).stdout;
}

export interface DiskPart {
  /** In MiB of the disk. */
  readonly at: number;
  /** In MiB. */
  readonly size: number;
  /** Makes the contents in a file of that size. */
  readonly make: (file: string) => Promise<unknown>;
}

export interface DiskDescription {
  /** In MiB. */
  readonly size: number;
  /** What sfdisk is told. @default no partition table */
  readonly table?: string;
  readonly parts?: readonly DiskPart[];
}

/** Writes a raw disk into `folder`. @returns its path */
export async function makeRawDisk(folder: string, { size, table, parts = [] }: DiskDescription): Promise<string> {
  const path = join(folder, 'disk.raw');
  await writeFile(path, '');
  await truncate(path, size * MIB);
  if (table !== undefined) {
    const { status, stderr } = spawnSync('sfdisk', ['--quiet', path], { env, input: table, encoding: 'utf8' });
    if (status !== 0) throw new Error(`sfdisk failed: ${stderr}`);
  }
  for (const [index, part] of parts.entries()) {
    const file = join(folder, `part-${index}.raw`);
    await writeFile(file, '', { mode: 0o600 });
    await truncate(file, part.size * MIB);
    await part.make(file);
    await copyInto(path, part.at * MIB, file);
  }
  return path;
}

async function copyInto(path: string, offset: number, source: string): Promise<void> {
  const [from, to] = [await open(source), await open(path, 'r+')];
  try {
    const window = Buffer.alloc(MIB);
    for (let at = 0; ; ) {
      const { bytesRead } = await from.read(window, 0, MIB, at);
      if (bytesRead === 0) return;
      if (window.some((byte) => byte !== 0)) await to.write(window, 0, bytesRead, offset + at);
      at += bytesRead;
    }
  } finally {
    await from.close();
    await to.close();
  }
}
