// Nearly empty disks: pieces of data at even distances, and nothing else in the file.
import { open } from 'node:fs/promises';
import { buildVhd, patternOf } from '../../test/support/vhd-builder.ts';
import { buildVhdx } from '../../test/support/vhdx-builder.ts';
import type { Bench } from '../bench.ts';

export interface Scatter {
  /** Size of the disk in bytes. */
  readonly size: number;
  /** Size of each piece in bytes. */
  readonly piece: number;
  readonly pieces: number;
}

const BLOCK = 2 * 1024 ** 2;

/** A sparse file. */
export function scatteredFixedVhd(bench: Bench, scatter: Scatter): Promise<string> {
  return bench.image(`${nameOf(scatter)}.vhd`, async (path) => {
    await buildVhd(path, { type: 'fixed', size: scatter.size });
    const file = await open(path, 'r+');
    try {
      const bytes = patternOf(1, scatter.piece);
      for (const offset of offsets(scatter)) await file.write(bytes, 0, bytes.length, offset);
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/** Each piece has its own block of 2 MiB. */
export function scatteredDynamicVhd(bench: Bench, scatter: Scatter): Promise<string> {
  return bench.image(`${nameOf(scatter)}-dynamic.vhd`, async (path) => {
    const bytes = patternOf(1, scatter.piece);
    const contents = offsets(scatter, BLOCK).map((offset) => ({ offset, bytes }));
    await buildVhd(path, { type: 'dynamic', size: scatter.size, contents });
  });
}

/** Each block of `blockSize` is filled with pieces. */
export function scatteredVhdx(bench: Bench, scatter: Scatter, blockSize = BLOCK): Promise<string> {
  return bench.image(`${nameOf(scatter)}-blocks-of-${blockSize}.vhdx`, (path) => {
    const bytes = patternOf(1, scatter.piece);
    const perBlock = Math.max(1, blockSize / scatter.piece);
    const count = scatter.pieces / perBlock;
    const step = Math.floor(scatter.size / blockSize / count);
    const pieces = Array.from({ length: perBlock }, (_, index) => ({ at: index * scatter.piece, bytes }));
    const blocks = Array.from({ length: count }, (_, index) => ({ index: index * step, pieces }));
    buildVhdx(path, { size: scatter.size, blockSize, blocks });
    return Promise.resolve();
  });
}

function offsets({ size, pieces }: Scatter, unit = 64 * 1024): number[] {
  const step = Math.floor(size / pieces / unit) * unit;
  return Array.from({ length: pieces }, (_, index) => index * step);
}

function nameOf({ size, piece, pieces }: Scatter): string {
  return `scattered-${size}-${pieces}x${piece}`;
}
