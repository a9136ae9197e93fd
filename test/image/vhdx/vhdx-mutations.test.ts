// Damages every structure of small VHDX files at random, and seals the checksums again so that the damage gets past them.
import { truncateSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { VhdupError } from '../../../src/errors.ts';
import { ImageFile } from '../../../src/image/image-file.ts';
import {
  buildVhdx,
  HEADER_1,
  HEADER_2,
  KIB,
  MIB,
  nextGuid,
  patchFile,
  pattern,
  REGION_TABLE_1,
  REGION_TABLE_2,
  readBytes,
  seal,
  type VhdxLayout,
} from '../../support/vhdx-builder.ts';
import { writeLog } from '../../support/vhdx-log-builder.ts';
import { contentsOf, extentsOf, withImage, workspace } from '../../support/vhdx-workspace.ts';

const SIZE = 3 * MIB;
const MUTATIONS = 500;
/** What no read may exceed: neither at open, nor for the piece of a disk that is asked for. */
const LARGEST_READ = 4 * MIB;
const at = workspace();

/** A part of a file to damage. A sealed one has its checksum at 4. */
interface Target {
  readonly offset: number;
  readonly length: number;
  readonly isSealed: boolean;
}

/** mulberry32: numbers from 0 to 1, the same for the same seed. */
function randomOf(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

const INTERESTING = [
  0n,
  1n,
  2n,
  7n,
  0x7fn,
  0xffn,
  0x1000n,
  0x10000n,
  0x100000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 40n,
  (1n << 53n) - 1n,
  1n << 53n,
  1n << 63n,
  (1n << 64n) - 1n,
];

/** Changes a few bytes: mostly fields in the part that is in use, some anywhere. */
function damage(bytes: Buffer, random: () => number): void {
  const used = Math.max(16, bytes.findLastIndex((byte) => byte !== 0) + 1);
  const pick = (below: number): number => Math.floor(random() * below);
  for (let change = 0; change <= pick(3); change++) {
    const within = random() < 0.9 ? used : bytes.length;
    const width = [1, 2, 4, 8][pick(4)] ?? 1;
    const offset = Math.min(Math.floor(pick(within) / width) * width, bytes.length - width);
    const kind = random();
    if (kind < 0.3) {
      bytes[offset] = (bytes[offset] ?? 0) ^ (1 << pick(8));
    } else if (kind < 0.8) {
      const value = INTERESTING[pick(INTERESTING.length)] ?? 0n;
      for (let index = 0; index < width; index++) bytes[offset + index] = Number((value >> BigInt(8 * index)) & 0xffn);
    } else if (kind < 0.9) {
      bytes.copy(bytes, offset, pick(within), Math.min(bytes.length, pick(within) + 32));
    } else {
      bytes.fill(0, offset, Math.min(bytes.length, offset + 32));
    }
  }
}

interface Outcome {
  readonly refused: number;
  readonly read: number;
}

/** Opens and reads after each of the mutations, and restores the file after it. */
async function mutate(seed: number, image: string, layout: VhdxLayout, targets: readonly Target[]): Promise<Outcome> {
  const random = randomOf(seed);
  const outcome = { refused: 0, read: 0 };
  const whole = readBytes(layout.path, 0, layout.fileLength);
  for (let mutation = 0; mutation < MUTATIONS; mutation++) {
    const cut = random() < 0.05;
    const target = targets[Math.floor(random() * targets.length)];
    if (target === undefined) throw new RangeError('There is nothing to damage.');
    if (cut) {
      truncateSync(layout.path, Math.floor(random() * layout.fileLength));
    } else {
      const bytes = Buffer.from(whole.subarray(target.offset, target.offset + target.length));
      damage(bytes, random);
      patchFile(layout.path, target.offset, target.isSealed && random() < 0.9 ? seal(bytes) : bytes);
    }
    try {
      await readTwice(image);
      outcome.read++;
    } catch (error) {
      if (!(error instanceof VhdupError)) {
        throw new Error(`Mutation ${mutation} of seed ${seed} at ${target.offset} ended in something else.`, {
          cause: error,
        });
      }
      expect(error.message).toMatch(/^Cannot .*\.$/s);
      outcome.refused++;
    }
    if (cut) patchFile(layout.path, 0, whole);
    else patchFile(layout.path, target.offset, whole.subarray(target.offset, target.offset + target.length));
  }
  return outcome;
}

/** Reads the disk by its extents and as a whole: what is outside of the extents is zeros, and both agree. */
async function readTwice(path: string): Promise<void> {
  await withImage(path, async (image) => {
    if (image.size > 64 * MIB) {
      await extentsOf(image);
      for (const offset of [0, image.size - MIB]) await image.read({ offset, length: MIB }, new Uint8Array(MIB));
      return;
    }
    const byExtents = await contentsOf(image);
    const whole = Buffer.alloc(image.size, 0xa5);
    for (let offset = 0; offset < image.size; offset += MIB) {
      const part = whole.subarray(offset, offset + MIB);
      await image.read({ offset, length: part.length }, part);
    }
    expect(whole.equals(byExtents)).toBe(true);
  });
}

function structuresOf(layout: VhdxLayout): Target[] {
  return [
    { offset: HEADER_2, length: 4096, isSealed: true },
    { offset: HEADER_1, length: 4096, isSealed: true },
    { offset: REGION_TABLE_1, length: 64 * KIB, isSealed: true },
    { offset: REGION_TABLE_2, length: 64 * KIB, isSealed: true },
    { offset: layout.metadata.offset, length: 64 * KIB, isSealed: false },
    { offset: layout.metadata.offset + 64 * KIB, length: 40, isSealed: false },
    { offset: layout.metadata.offset + 64 * KIB, length: 512, isSealed: false },
    { offset: layout.bat.offset, length: 24, isSealed: false },
    { offset: layout.bat.offset, length: MIB, isSealed: false },
    ...[...layout.bitmaps.values()].map((offset) => ({ offset, length: 4 * KIB, isSealed: false })),
  ];
}

/** All mutations, with no read larger than it may be. */
async function expectSafe(seed: number, image: string, layout: VhdxLayout, targets: readonly Target[]): Promise<void> {
  const reads = vi.spyOn(ImageFile.prototype, 'read');
  let largest = 0;
  reads.mockImplementation(async function (this: ImageFile, position, into, ...more) {
    largest = Math.max(largest, into.length);
    reads.mockClear();
    return await read.call(this, position, into, ...more);
  });
  try {
    const { refused, read: readable } = await mutate(seed, image, layout, targets);
    expect(refused).toBeGreaterThan(MUTATIONS / 10);
    expect(readable).toBeGreaterThan(MUTATIONS / 20);
    expect(largest).toBeLessThanOrEqual(LARGEST_READ);
  } finally {
    reads.mockRestore();
  }
}

const read = ImageFile.prototype.read;

const blocks = [
  { index: 2, pieces: [{ at: 0, bytes: pattern(1, 8192) }] },
  { index: 0, pieces: [{ at: 4096, bytes: pattern(2, 8192) }] },
];

describe('a damaged VHDX is read or refused, and nothing else', () => {
  it('when it is dynamic', async () => {
    const layout = buildVhdx(at('dynamic.vhdx'), { size: SIZE, blocks });
    await expectSafe(1, layout.path, layout, structuresOf(layout));
  });

  it('when it is fixed', async () => {
    const all = [...blocks, { index: 1 }];
    const layout = buildVhdx(at('fixed.vhdx'), { size: SIZE, blocks: all, leaveBlocksAllocated: true });
    await expectSafe(2, layout.path, layout, structuresOf(layout));
  });

  it('when it is differencing', async () => {
    const parent = buildVhdx(at('parent.vhdx'), { size: SIZE, blocks });
    const layout = buildVhdx(at('child.vhdx'), {
      size: SIZE,
      parent: { parent_linkage: `{${parent.dataWriteGuid}}`, relative_path: '.\\parent.vhdx' },
      blocks: [
        { index: 0, state: 7, present: [[3, 9]], pieces: [{ at: 0, bytes: pattern(3, 8192) }] },
        { index: 1, state: 7, present: [[0, 2048]], pieces: [{ at: 0, bytes: pattern(4, 8192) }] },
      ],
    });
    await expectSafe(3, layout.path, layout, structuresOf(layout));
  });

  it('when it is a parent', async () => {
    const layout = buildVhdx(at('base.vhdx'), { size: SIZE, blocks });
    const child = buildVhdx(at('top.vhdx'), {
      size: SIZE,
      parent: { parent_linkage: `{${layout.dataWriteGuid}}`, relative_path: '.\\base.vhdx' },
      blocks: [{ index: 0, state: 7, present: [[3, 9]], pieces: [] }],
    });
    await expectSafe(4, child.path, layout, structuresOf(layout));
  });

  it('when it was not closed cleanly', async () => {
    const layout = buildVhdx(at('dirty.vhdx'), { size: SIZE, blocks });
    const page = (offset: number): { page: number; bytes: Buffer } => ({
      page: offset,
      bytes: readBytes(layout.path, offset, 4096),
    });
    const block = layout.blocks.get(0) ?? 0;
    const { offsets } = writeLog(layout, {
      logGuid: nextGuid(),
      entries: [
        { sequence: 1n, descriptors: [page(layout.bat.offset), { zero: block + 4096, length: 4096 }] },
        { sequence: 2n, descriptors: [page(REGION_TABLE_1), page(block + 8192)] },
        { sequence: 3n },
      ],
    });
    const lengths = [2, 3, 1].map((sectors) => sectors * 4096);
    const entries = offsets.map((offset, index) => ({
      offset: layout.log.offset + offset,
      length: lengths[index] ?? 4096,
      isSealed: true,
    }));
    await expectSafe(5, layout.path, layout, [...entries, ...entries, ...structuresOf(layout)]);
  });
});
