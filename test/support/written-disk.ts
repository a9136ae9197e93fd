// Compares a written disk with the runs it was written from, and reads only what either has: whole disks cost most of the time.
import { expect } from 'vitest';
import { endOf } from '../../src/base/byte-range.ts';
import type { DiskImage } from '../../src/image/disk-image.ts';
import type { VhdContent } from './vhd-builder.ts';
import { expectSameBytes, listExtents } from './vhd-fixtures.ts';

const PIECE = 1024 * 1024;
const [found, expected] = [Buffer.alloc(PIECE), Buffer.alloc(PIECE)];

/** @param runs - What the disk contains, apart from one another. It must be zero elsewhere. */
export async function expectDiskIs(image: DiskImage, runs: readonly VhdContent[]): Promise<void> {
  const extents = await listExtents(image.extents());
  for (const { offset, bytes } of runs) {
    // Extents of blocks that follow one another may be separate.
    const inside = extents.reduce((sum, extent) => sum + overlapOf(extent, { offset, length: bytes.length }), 0);
    expect(inside).toBe(bytes.length);
  }
  for (const extent of extents) {
    for (let at = extent.offset; at < endOf(extent); at += PIECE) {
      const range = { offset: at, length: Math.min(PIECE, endOf(extent) - at) };
      const [actual, wanted] = [found.subarray(0, range.length), expected.subarray(0, range.length).fill(0)];
      for (const run of runs) {
        if (overlapOf(range, { offset: run.offset, length: run.bytes.length }) === 0) continue;
        const start = Math.max(at, run.offset);
        const end = Math.min(endOf(range), run.offset + run.bytes.length);
        wanted.set(run.bytes.subarray(start - run.offset, end - run.offset), start - at);
      }
      await image.read(range, actual);
      expectSameBytes(actual, wanted);
    }
  }
}

function overlapOf(one: { offset: number; length: number }, other: { offset: number; length: number }): number {
  return Math.max(0, Math.min(endOf(one), endOf(other)) - Math.max(one.offset, other.offset));
}
