// Uses real sparse files, on the file system of the temporary folder and on a tmpfs if there is one.
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ByteRange, endOf, MIB } from '../../src/base/byte-range.ts';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import { decodeAllocatedRanges } from '../../src/image/sparse-file.ts';
import { canTellHoles } from '../support/sparse-files.ts';
import { buildVhd, patternOf } from '../support/vhd-builder.ts';
import { listExtents } from '../support/vhd-fixtures.ts';
import { buildVhdx } from '../support/vhdx-builder.ts';

const FOLDERS = [tmpdir(), '/dev/shm'].filter((folder) => existsSync(folder));
const TELLS = new Map(await Promise.all(FOLDERS.map(async (folder) => [folder, await canTellHoles(folder)] as const)));

const ZEROS = Buffer.alloc(4 * MIB);

async function folderIn(parent: string): Promise<string> {
  const folder = await mkdtemp(join(parent, 'vhdup-sparse-'));
  onTestFinished(async () => await rm(folder, { recursive: true, force: true }));
  return folder;
}

interface Content {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

async function writeSparse(path: string, size: number, contents: readonly Content[]): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.truncate(size);
    for (const { offset, bytes } of contents) await file.write(bytes, 0, bytes.length, offset);
  } finally {
    await file.close();
  }
}

async function isSparse(path: string): Promise<boolean> {
  const { blocks, size } = await stat(path);
  return blocks * 512 < size;
}

/** @returns the extents, after checking that only zeros lie outside of them. */
async function extentsOf(path: string, options: { format?: 'raw'; readHoles?: boolean } = {}): Promise<ByteRange[]> {
  const image = await openDiskImage(path, options);
  try {
    const extents = await listExtents(image.extents());
    let end = 0;
    for (const extent of [...extents, { offset: image.size, length: 0 }]) {
      expect(extent.offset).toBeGreaterThanOrEqual(end);
      for (let offset = end; offset < extent.offset; offset += 4 * MIB) {
        const hole = Buffer.alloc(Math.min(4 * MIB, extent.offset - offset), 1);
        await image.read({ offset, length: hole.length }, hole);
        if (Buffer.compare(hole, ZEROS.subarray(0, hole.length)) !== 0)
          throw new Error(`There are data in the hole at ${offset}.`);
      }
      end = endOf(extent);
    }
    expect(end).toBe(image.size);
    return extents;
  } finally {
    await image.close();
  }
}

describe.each(FOLDERS)('a sparse file in %s (needs Linux, koffi and a file system with hole support)', (parent) => {
  const canAsk = TELLS.get(parent) === true;

  it.skipIf(!canAsk)('opened as a raw disk never reports recently written data as a hole', async () => {
    const folder = await folderIn(parent);
    const writes = fc.record({
      offset: fc.integer({ min: 0, max: 95 * MIB }),
      length: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: MIB })),
    });
    let index = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(writes, { maxLength: 12 }), async (ranges) => {
        const path = join(folder, `${index++}.img`);
        const contents = ranges.map(({ offset, length }, seed) => ({ offset, bytes: patternOf(seed + 1, length) }));
        await writeSparse(path, 96 * MIB + 100, contents);
        const extents = await extentsOf(path, { format: 'raw' });
        // At most 12 pieces of 1 MiB with a MiB on either side, and a few ranges for which the system is not queried.
        const covered = extents.reduce((sum, { length }) => sum + length, 0);
        if (await isSparse(path)) expect(covered).toBeLessThan(96 * MIB);
        await rm(path);
      }),
      { numRuns: 12 },
    );
  });

  it.skipIf(!canAsk)('opened as a fixed VHD has extents without its holes', async () => {
    const path = join(await folderIn(parent), 'disk.vhd');
    const contents = [
      { offset: 0, bytes: patternOf(1, 512) },
      { offset: 100 * MIB + 512, bytes: patternOf(2, MIB) },
    ];
    await buildVhd(path, { type: 'fixed', size: 300 * MIB, contents });
    expect(await extentsOf(path)).toEqual([
      { offset: 0, length: MIB },
      { offset: 100 * MIB, length: 2 * MIB },
    ]);
    // If hole detection is not trusted, all of the file is read.
    expect(await extentsOf(path, { readHoles: true })).toEqual([{ offset: 0, length: 300 * MIB }]);
  });

  it.skipIf(!canAsk)('opened as a fixed VHDX has extents without its holes, wherever its blocks lie', async () => {
    const path = join(await folderIn(parent), 'disk.vhdx');
    const pieces = [{ at: 3 * MIB + 5, bytes: patternOf(1, 512) }];
    buildVhdx(path, {
      size: 62 * MIB,
      blockSize: 8 * MIB,
      leaveBlocksAllocated: true,
      // Blocks 5 and 6 are contiguous in the file, all others are not.
      blocks: [7, 5, 6, 4, 3, 2, 1, 0].map((one) => ({ index: one, pieces: one === 1 || one === 6 ? pieces : [] })),
    });
    expect(await extentsOf(path)).toEqual([
      { offset: 11 * MIB, length: MIB },
      { offset: 51 * MIB, length: MIB },
    ]);
  });

  it.skipIf(!canAsk)('that is the parent of a VHD leaves its holes out of the extents of the child', async () => {
    const folder = await folderIn(parent);
    const contents = [{ offset: 100 * MIB, bytes: patternOf(2, MIB) }];
    const { uniqueId } = await buildVhd(join(folder, 'base.vhd'), { type: 'fixed', size: 300 * MIB, contents });
    const child = join(folder, 'child.vhd');
    await buildVhd(child, {
      type: 'differencing',
      size: 300 * MIB,
      contents: [{ offset: 200 * MIB, bytes: patternOf(3, 512) }],
      parent: { uniqueId, name: 'base.vhd' },
    });
    expect(await extentsOf(child)).toEqual([
      { offset: 100 * MIB, length: MIB },
      { offset: 200 * MIB, length: 2 * MIB },
    ]);
  });

  it.skipIf(!canAsk)('that is a single hole has no extents', async () => {
    const path = join(await folderIn(parent), 'disk.img');
    await writeSparse(path, 100 * MIB, []);
    expect(await extentsOf(path, { format: 'raw' })).toEqual([]);
  });
});

describe('the Windows answer to a data range query', () => {
  const range = { offset: 1000, length: 9000 };
  function encode(...ranges: [number, number][]): Buffer {
    const numbers = BigInt64Array.from(ranges.flat().map(BigInt));
    return Buffer.from(numbers.buffer);
  }

  it('contains data ranges, clipped to the request', () => {
    const data = [
      { offset: 1000, length: 500 },
      { offset: 4000, length: 100 },
      { offset: 9000, length: 1000 },
    ];
    const answer = encode([500, 1000], [4000, 100], [9000, 5000]);
    expect(decodeAllocatedRanges(answer, range, true)).toEqual({ data, end: 10_000 });
  });

  it('ends at its last range when the buffer was full', () => {
    const data = [{ offset: 4000, length: 100 }];
    expect(decodeAllocatedRanges(encode([4000, 100]), range, false)).toEqual({ data, end: 4100 });
  });

  it('is a hole if it is empty, and undefined if the query failed', () => {
    expect(decodeAllocatedRanges(encode(), range, true)).toEqual({ data: [], end: 10_000 });
    expect(decodeAllocatedRanges(encode(), range, false)).toBeUndefined();
  });
});
