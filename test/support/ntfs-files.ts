// Files that exercise a reader of NTFS: sizes around each limit, compressible data, holes, pieces, many names.
import { closeSync, ftruncateSync, linkSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Picker } from '../hostile/random.ts';

const SIZES = [0, 1, 500, 700, 4095, 4096, 4097, 65_535, 65_536, 65_537, 200_000];

/** Bytes of a kind: random, text, zeros, or a mixture. */
export function sampleBytes(pick: Picker, length: number): Buffer {
  const kind = pick.below(4);
  const bytes = Buffer.alloc(length);
  if (kind === 1) return bytes.fill(`The quick brown fox ${pick.below(1000)} jumps. `);
  for (let at = 0; kind !== 2 && at < length; ) {
    const count = pick.between(1, 6000);
    if (kind === 0 || pick.chance(0.4))
      for (let index = at; index < Math.min(at + count, length); index++) bytes[index] = pick.below(256);
    else if (pick.chance(0.5)) bytes.fill(`ab${pick.below(9)}`, at, Math.min(at + count, length));
    at += count;
  }
  return bytes;
}

/** @param count Files; there are half as many names more in one folder. */
export function writeSampleFiles(mountPoint: string, seed: number, count: number): void {
  const pick = new Picker(seed);
  const folders = [mountPoint];
  for (let index = 0; index < Math.max(2, count / 20); index++) {
    const folder = join(pick.of(folders), `Ordner ${index} ü磁${'é'.repeat(index % 30)}`);
    mkdirSync(folder);
    folders.push(folder);
  }
  for (let index = 0; index < count; index++) {
    const path = join(pick.of(folders), `file-${index}-${'x'.repeat(pick.below(120))}`);
    writeFileSync(path, sampleBytes(pick, index < SIZES.length ? (SIZES[index] ?? 0) : pick.below(60_000)));
  }
  const many = join(mountPoint, 'many');
  mkdirSync(many);
  for (let index = 0; index < count / 2; index++) {
    const path = join(many, `Name ${pick.below(1_000_000)} ${index}`);
    writeFileSync(path, 'x'.repeat(pick.below(40)));
    // What is deleted leaves gaps in the index.
    if (pick.chance(0.2)) rmSync(path);
  }
  writeFileSync(join(mountPoint, 'Case'), 'upper');
  writeFileSync(join(mountPoint, 'case'), 'lower');
  for (let index = 0; index < 12; index++)
    linkSync(join(mountPoint, 'Case'), join(many, `link ${index} ${'y'.repeat(200)}`));
  writeHoles(join(mountPoint, 'holes'));
  writePieces(join(mountPoint, 'pieces'), pick, 5 * count);
}

function writeHoles(path: string): void {
  const file = openSync(path, 'w');
  writeSync(file, 'middle', 2_000_000);
  writeSync(file, 'end', 5_000_000);
  ftruncateSync(file, 6_000_100);
  closeSync(file);
}

/** A file with data in every fourth 4 KiB: its run list needs several records. */
function writePieces(path: string, pick: Picker, count: number): void {
  const file = openSync(path, 'w');
  for (let index = 0; index < count; index++) {
    writeSync(file, Buffer.alloc(4096, pick.below(256)), 0, 4096, index * 16_384);
  }
  closeSync(file);
}
