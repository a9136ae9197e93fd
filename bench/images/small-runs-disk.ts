// Disks with many small pieces of data: an aged ext4, and single pages at even distances.
import { randomFillSync } from 'node:crypto';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from '../../test/support/page-blob-server/faults.ts';
import { buildVhd } from '../../test/support/vhd-builder.ts';
import type { Bench } from '../bench.ts';
import { appendFooter } from './linux-disk.ts';
import { runTool } from './tools.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** How often the disk is filled. debugfs needs milliseconds for each file, so not often. */
const GENERATIONS = 3;
/** In bytes, the most frequent first. */
const FILE_SIZES = [4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB];
/** The share of the disk in use while it ages, and at the end. */
const FILL = 0.6;
const FILL_AT_END = 0.3;

/**
 * An ext4 in which files were created and deleted at random. It is trimmed at the end, so that deleted files are zero. Needs
 * mkfs.ext4, debugfs and e2fsck. @throws if one is missing.
 */
export function agedDisk(bench: Bench, size: number): Promise<string> {
  return bench.image(`aged-${size}.vhd`, async (path) => {
    const files = join(bench.folder, 'images', 'aged-files');
    await rm(path, { force: true });
    await runTool('truncate', ['--size', String(size), path]);
    await runTool('mkfs.ext4', ['-q', '-F', path]);
    try {
      await mkdir(files, { recursive: true });
      for (const bytes of FILE_SIZES) await writeFile(join(files, String(bytes)), randomFillSync(Buffer.alloc(bytes)));
      const script = join(files, 'script');
      await writeFile(script, agingScript(files, size));
      await runTool('debugfs', ['-w', '-f', script, path]);
    } finally {
      await rm(files, { recursive: true, force: true });
    }
    // Exit code 1 means that errors were corrected. e2fsck trims only a file system without errors, so it runs twice.
    await runTool('e2fsck', ['-f', '-y', path], [0, 1]);
    await runTool('e2fsck', ['-f', '-y', '-E', 'discard', path]);
    await appendFooter(path, size);
  });
}

/** Commands for debugfs that fill the disk, replace random files repeatedly, and delete half of them. */
function agingScript(files: string, size: number): string {
  const random = seededRandom(1);
  const commands: string[] = [];
  const present: { name: string; bytes: number }[] = [];
  let used = 0;
  const remove = (): void => {
    const [gone] = present.splice(Math.floor(random() * present.length), 1);
    commands.push(`rm ${gone?.name}`);
    used -= gone?.bytes ?? 0;
  };
  for (let written = 0; written < size * FILL * GENERATIONS; ) {
    const bytes = FILE_SIZES[Math.floor(random() ** 3 * FILE_SIZES.length)] ?? 4 * KIB;
    const name = `f${commands.length}`;
    commands.push(`write ${join(files, String(bytes))} ${name}`);
    present.push({ name, bytes });
    used += bytes;
    written += bytes;
    while (used > size * FILL) remove();
  }
  while (used > size * FILL_AT_END) remove();
  return `${commands.join('\n')}\n`;
}

/** A sparse disk with one non-zero page of 512 bytes in every `distance` bytes. */
export function singlePages(bench: Bench, size: number, distance: number): Promise<string> {
  return bench.image(`page-each-${distance}-${size}.vhd`, async (path) => {
    await buildVhd(path, { type: 'fixed', size });
    const file = await open(path, 'r+');
    try {
      const page = Buffer.alloc(512, 0x5a);
      for (let offset = 0; offset < size; offset += distance) await file.write(page, 0, page.length, offset);
      await file.sync();
    } finally {
      await file.close();
    }
  });
}
