// Compares any layout that the specification allows, in chains of up to four files, with a plain model of the disk.
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DiskImage } from '../../../src/image/disk-image.ts';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { readImage } from '../../support/read-image.ts';
import {
  buildVhd,
  diskOf,
  patternOf,
  uniqueIdOf,
  type VhdContent,
  type VhdDescription,
} from '../../support/vhd-builder.ts';
import { expectSameBytes, listExtents, readDisk, temporaryFolder } from '../../support/vhd-fixtures.ts';

const SECTOR = 512;
const MAX_SECTORS = 300;

interface Layer {
  readonly sectors: number;
  readonly blockSize: number;
  readonly writes: readonly (readonly [number, number])[];
  readonly isFull: boolean;
  readonly isStale: boolean;
  readonly allocated: readonly number[];
  readonly order: number;
  readonly alignment: number;
  readonly extraEntries: number;
  readonly isTableLast: boolean;
  readonly gap: number;
}

const layers = fc.record<Layer>({
  sectors: fc.integer({ min: 1, max: MAX_SECTORS }),
  blockSize: fc.constantFrom(512, 1024, 4096, 16384, 65536, 2 * 1024 * 1024),
  writes: fc.array(fc.tuple(fc.nat(MAX_SECTORS), fc.integer({ min: 1, max: 40 })), { maxLength: 6 }),
  isFull: fc.boolean(),
  isStale: fc.boolean(),
  allocated: fc.array(fc.nat(MAX_SECTORS), { maxLength: 4 }),
  order: fc.nat(),
  alignment: fc.constantFrom(512, 4096),
  extraEntries: fc.nat(3),
  isTableLast: fc.boolean(),
  gap: fc.constantFrom(0, 512, 3584),
});

const chains = fc.record({
  layers: fc.array(layers, { minLength: 1, maxLength: 4 }),
  isBaseFixed: fc.boolean(),
  ranges: fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 5, maxLength: 10 }),
});

function describeLayer(layer: Layer, level: number, isFixed: boolean): VhdDescription {
  const size = layer.sectors * SECTOR;
  const blocks = Math.ceil(size / layer.blockSize);
  const type = level > 0 ? 'differencing' : isFixed ? 'fixed' : 'dynamic';
  const contents = layer.writes.flatMap(([first, count], index): VhdContent[] => {
    const offset = (first % layer.sectors) * SECTOR;
    const length = Math.min(count * SECTOR, size - offset);
    // Every third write is zeros, which hide the data of the parent.
    return [{ offset, bytes: index % 3 === 2 ? new Uint8Array(length) : patternOf(level * 100 + index, length) }];
  });
  return {
    type,
    size,
    contents,
    uniqueId: uniqueIdOf(level),
    blockSize: layer.blockSize,
    bitmaps: layer.isFull ? 'full' : 'written',
    staleByte: layer.isStale && !layer.isFull ? 0x77 : 0,
    allocated: layer.allocated.map((block) => block % blocks),
    blockOrder: (ascending) => ascending.toSorted((one, other) => rank(one, layer.order) - rank(other, layer.order)),
    dataAlignment: layer.alignment,
    maxTableEntries: blocks + layer.extraEntries,
    gapBeforeFooter: type === 'fixed' ? 0 : layer.gap,
    ...(layer.isTableLast ? { tableOffset: 0x10000 } : {}),
    ...(level > 0 ? { parent: { uniqueId: uniqueIdOf(level - 1), name: `${level - 1}.vhd` } } : {}),
  };
}

function rank(block: number, seed: number): number {
  return ((block + 1) * (2 * (seed % 1000) + 1)) % 1009;
}

/** Returns the expected disk of `description` over `parent`. */
function modelOf(description: VhdDescription, parent: Uint8Array | undefined): Uint8Array {
  const { size, type, contents = [], allocated = [], blockSize = 0 } = description;
  if (type === 'fixed' || description.bitmaps === 'written') return diskOf(size, contents, parent);
  const blocks = new Set(allocated);
  for (const { offset, bytes } of contents) {
    for (let block = Math.floor(offset / blockSize); block * blockSize < offset + bytes.length; block++)
      blocks.add(block);
  }
  const zeros = [...blocks].map((block) => ({ offset: block * blockSize, bytes: new Uint8Array(blockSize) }));
  return diskOf(size, [...zeros, ...contents], parent);
}

async function expectRanges(image: DiskImage, model: Uint8Array, ranges: readonly (readonly [number, number])[]) {
  const sectors = model.length / SECTOR;
  for (const [from, many] of ranges) {
    const first = from % sectors;
    const count = 1 + (many % (sectors - first));
    const range = { offset: first * SECTOR, length: count * SECTOR };
    const into = new Uint8Array(range.length).fill(0xee);
    await readImage(image, range, into);
    expectSameBytes(into, model.subarray(range.offset, range.offset + range.length));
  }
}

async function expectExtents(image: DiskImage, model: Uint8Array): Promise<void> {
  let end = -1;
  const outside = Uint8Array.from(model);
  for (const { offset, length } of await listExtents(image.extents())) {
    expect(offset).toBeGreaterThan(end);
    expect(length).toBeGreaterThan(0);
    end = offset + length;
    outside.fill(0, offset, end);
  }
  expect(end).toBeLessThanOrEqual(model.length);
  expectSameBytes(outside, new Uint8Array(model.length));
}

describe('a chain with any layout', () => {
  it('reads as its model in any range, and its extents cover all data that is not zero', async () => {
    const folder = await temporaryFolder();
    await fc.assert(
      fc.asyncProperty(chains, async ({ layers: chain, isBaseFixed, ranges }) => {
        let model: Uint8Array | undefined;
        for (const [level, layer] of chain.entries()) {
          const description = describeLayer(layer, level, isBaseFixed);
          await buildVhd(join(folder, `${level}.vhd`), description);
          model = modelOf(description, model);
        }
        if (model === undefined) throw new RangeError('A chain has at least one file.');
        const image = await openDiskImage(join(folder, `${chain.length - 1}.vhd`));
        try {
          expect(image.files).toHaveLength(chain.length);
          expectSameBytes(await readDisk(image), model);
          await expectRanges(image, model, ranges);
          await expectExtents(image, model);
        } finally {
          await image.close();
        }
      }),
      { numRuns: 150 },
    );
  });
});
