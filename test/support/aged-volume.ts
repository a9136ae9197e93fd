// Fills a mounted volume as years of use do: files are written, deleted, written again and appended to, until its free space is full of old data.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Picker } from '../hostile/random.ts';

/** Sizes of files in bytes: log-normal, median 12 KiB. */
function sizeOf(picker: Picker, largest: number): number {
  const normal = Array.from({ length: 12 }, () => picker.below(2 ** 20) / 2 ** 20).reduce((sum, one) => sum + one, -6);
  return Math.min(largest, Math.max(1, Math.round(12 * 1024 * Math.exp(2.4 * normal))));
}

/** No byte of the content is zero, and each file has its own. */
function contentOf(picker: Picker, length: number): Buffer {
  const content = Buffer.alloc(length);
  let state = picker.below(2 ** 31) | 1;
  for (let at = 0; at + 4 <= length; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    content.writeInt32LE(state | 0x01010101, at);
  }
  content.fill(1, length - (length % 4));
  return content;
}

export interface AgeOptions {
  readonly seed: number;
  /** The largest file in bytes. */
  readonly largest?: number;
}

/** @param folder The mount point. */
export function ageVolume(folder: string, { seed, largest = 24 * 1024 * 1024 }: AgeOptions): void {
  const picker = new Picker(seed);
  let files: string[] = [];
  let number = 0;
  const usedShare = () => {
    const { blocks, bavail } = statfsSync(folder);
    return 1 - bavail / blocks;
  };
  const fill = () => {
    for (let index = 0; usedShare() < 0.8; index++) {
      const name = join(`d${number % 20}`, `f${number}`);
      number += 1;
      mkdirSync(join(folder, `d${(number - 1) % 20}`), { recursive: true });
      writeFileSync(join(folder, name), contentOf(picker, sizeOf(picker, largest)));
      files.push(name);
      if (index > 200_000) throw new Error('The volume does not fill up.');
    }
    // Files that are deleted before they are written leave nothing behind.
    execFileSync('sync', ['-f', folder]);
  };
  const remove = (percent: number) => {
    const kept: string[] = [];
    for (const name of files) {
      if (picker.below(100) < percent) rmSync(join(folder, name));
      else kept.push(name);
    }
    files = kept;
  };
  fill();
  for (let round = 0; round < 3; round++) {
    remove(40);
    fill();
    for (let index = 0; index < 100; index++) {
      const name = files[picker.below(files.length)];
      if (name !== undefined && usedShare() < 0.9) appendFileSync(join(folder, name), contentOf(picker, 3000));
    }
  }
  remove(50);
  if (readdirSync(folder).length === 0) throw new Error('Nothing is left.');
}
