import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOf } from '../../../src/base/byte-range.ts';
import { type BlockSpec, buildVhdx, MIB, pattern, type VhdxLayout } from '../../support/vhdx-builder.ts';
import { moveToLog } from '../../support/vhdx-log-builder.ts';
import { contentsOf, extentsOf, readRange, withImage, workspace } from '../../support/vhdx-workspace.ts';

const at = workspace();
const MAX_SIZE = 6 * MIB;

/** One file of a chain. Its numbers are adapted to the block size when it is built. */
interface FilePlan {
  readonly blockMib: 1 | 2 | 4;
  readonly logicalSectorSize: 512 | 4096;
  /** In units of 4096 bytes. */
  readonly size: number;
  readonly blocks: readonly {
    readonly index: number;
    readonly state: number;
    readonly stored: readonly (readonly [sector: number, count: number])[];
    readonly present: readonly (readonly [sector: number, count: number])[];
  }[];
  readonly bitmapsFirst: boolean;
  readonly gapMib: number;
  readonly isDirty: boolean;
}

const sectorRun = fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 32 }));
const filePlan: fc.Arbitrary<FilePlan> = fc.record({
  blockMib: fc.constantFrom(1, 2, 4),
  logicalSectorSize: fc.constantFrom(512, 4096),
  size: fc.integer({ min: 1, max: MAX_SIZE / 4096 }),
  blocks: fc.uniqueArray(
    fc.record({
      index: fc.nat(5),
      state: fc.constantFrom(0, 1, 2, 3, 5, 6, 6, 7, 7, 7),
      stored: fc.array(sectorRun, { maxLength: 4 }),
      present: fc.array(sectorRun, { minLength: 1, maxLength: 4 }),
    }),
    { selector: ({ index }) => index, maxLength: 6 },
  ),
  bitmapsFirst: fc.boolean(),
  gapMib: fc.nat(3),
  isDirty: fc.boolean(),
});

/** Builds the file over `parent`, and returns the model: the expected contents of the disk. */
function build(path: string, plan: FilePlan, seed: number, parent?: { layout: VhdxLayout; contents: Buffer }) {
  const { logicalSectorSize: sector, blocks, bitmapsFirst, gapMib } = plan;
  const blockSize = plan.blockMib * MIB;
  const size = plan.size * 4096;
  const contents = Buffer.alloc(size);
  parent?.contents.copy(contents);
  const specs: BlockSpec[] = [];
  let offsetMib = 4 + (bitmapsFirst ? 1 : 0);
  for (const { index, state, stored, ...block } of blocks) {
    if (index * blockSize >= size) continue;
    const present = block.present.map(
      ([first, count]) => [first, Math.min(count, blockSize / sector - first)] as const,
    );
    const own = Buffer.alloc(blockSize);
    const pieces = stored.map(([first, count], piece) => ({
      at: first * 512,
      bytes: pattern(seed * 100 + index * 10 + piece, count * 512),
    }));
    for (const { at: offset, bytes } of pieces) bytes.copy(own, offset);
    offsetMib += gapMib;
    specs.push({ index, state, pieces, present, offsetMib });
    offsetMib += plan.blockMib;
    const start = index * blockSize;
    const target = contents.subarray(start, Math.min(start + blockSize, size));
    if (state === 6 || (state === 7 && parent === undefined)) own.copy(target);
    else if (state === 7)
      for (const [first, count] of present) own.copy(target, first * sector, first * sector, (first + count) * sector);
    else if (state !== 0) target.fill(0);
  }
  const layout = buildVhdx(path, {
    size,
    blockSize,
    logicalSectorSize: sector,
    blocks: parent === undefined ? specs.map(({ present: _, ...block }) => block) : specs,
    bitmapsFirst,
    ...(parent && {
      parent: { parent_linkage: parent.layout.dataWriteGuid, relative_path: parent.layout.path.replace(/^.*\//, '') },
    }),
  });
  if (plan.isDirty) {
    const bitmap = [...layout.bitmaps.values()];
    moveToLog(layout, [192 * 1024, layout.metadata.offset, layout.bat.offset, ...bitmap, ...layout.blocks.values()]);
  }
  return { layout, contents };
}

describe('a chain of VHDX files', () => {
  it('reads as the model, for any sizes, blocks, states, sector bitmaps, places and logs', async () => {
    const range = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 2048 }));
    const chain = fc.array(filePlan, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(chain, fc.array(range, { minLength: 1, maxLength: 6 }), async (plans, ranges) => {
        let current: { layout: VhdxLayout; contents: Buffer } | undefined;
        for (const [level, plan] of plans.entries()) current = build(at(`level-${level}.vhdx`), plan, level, current);
        if (current === undefined) return;
        const { contents, layout } = current;
        await withImage(layout.path, async (image) => {
          expect(image.size).toBe(contents.length);
          expect((await contentsOf(image)).equals(contents)).toBe(true);
          for (const [position, sectors] of ranges) {
            const offset = (position * 512) % image.size;
            const length = Math.min(sectors * 512, image.size - offset);
            expect((await readRange(image, offset, length)).equals(contents.subarray(offset, offset + length))).toBe(
              true,
            );
          }
          const extents = await extentsOf(image);
          for (const [index, extent] of extents.entries()) {
            expect(extent.length).toBeGreaterThan(0);
            expect(endOf(extent)).toBeLessThanOrEqual(extents[index + 1]?.offset ?? image.size);
            expect(endOf(extent)).not.toBe(extents[index + 1]?.offset);
          }
        });
      }),
      { numRuns: 100 },
    );
  });
});
