import { truncateSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { CorruptImageError, UnsupportedImageError } from '../../../src/errors.ts';
import type { ImageBytes } from '../../../src/image/image-bytes.ts';
import { ImageFile } from '../../../src/image/image-file.ts';
import { BlockAllocationTable, type BlockRun } from '../../../src/image/vhdx/bat.ts';
import { openVhdxFile, type VhdxFile } from '../../../src/image/vhdx/vhdx-file.ts';
import { buildVhdx, GIB, KIB, MIB, TIB, type VhdxLayout, type VhdxSpec } from '../../support/vhdx-builder.ts';
import { withFile, workspace } from '../../support/vhdx-workspace.ts';

const PARENT = { parent_linkage: '{00000000-0000-0000-0000-000000000001}', relative_path: 'base.vhdx' };
const at = workspace();
let count = 0;

function build(spec: Partial<VhdxSpec>): VhdxLayout {
  return buildVhdx(at(`bat-${count++}.vhdx`), { size: 8 * MIB, ...spec });
}

async function withBat<T>(
  layout: VhdxLayout,
  use: (bat: BlockAllocationTable, opened: VhdxFile) => Promise<T>,
): Promise<T> {
  return await withFile(layout.path, async (file) => {
    const opened = await openVhdxFile(file, {});
    return await use(opened.bat, opened);
  });
}

async function runsOf(bat: BlockAllocationTable): Promise<BlockRun[]> {
  const runs: BlockRun[] = [];
  for await (const run of bat.runs()) runs.push(run);
  return runs;
}

describe('the BAT', () => {
  it.each([
    [512, MIB, 4096],
    [512, 2 * MIB, 2048],
    [512, 256 * MIB, 16],
    [4096, MIB, 32768],
    [4096, 256 * MIB, 128],
  ] as const)(
    'has, for sectors of %i bytes and blocks of %i bytes, chunks of %i blocks',
    async (logicalSectorSize, blockSize, ratio) => {
      await withBat(build({ logicalSectorSize, blockSize }), async (bat) => {
        expect(bat.chunkRatio).toBe(ratio);
        expect(await bat.block(0)).toEqual({ source: 'zeros' });
      });
    },
  );

  it.each([
    ['a base file of one block', { size: 512 }, 1],
    ['a base file of one chunk', { size: 4 * GIB }, 4096],
    ['a base file of one chunk and a block', { size: 4 * GIB + 512 }, 4098],
    [
      'a differencing file of one block, as Windows makes it',
      { size: 4 * MIB, blockSize: 2 * MIB, parent: PARENT },
      2049,
    ],
    ['a differencing file of one chunk and a block', { size: 4 * GIB + 512, parent: PARENT }, 8194],
    ['the largest disk', { size: 64 * TIB }, 64 * MIB + 16383],
  ])('has, in %s, as many entries as the specification says', async (_, spec, entries) => {
    await withBat(build(spec), async (bat) => {
      expect(bat.entryCount).toBe(entries);
      expect((await bat.block(bat.blockCount - 1)).source).toBe('parent' in spec ? 'parent' : 'zeros');
    });
  });

  it('skips the sector bitmap entry between two chunks', async () => {
    const layout = build({ size: 4 * GIB + 2 * MIB, blocks: [{ index: 4095 }, { index: 4096 }, { index: 4097 }] });
    await withBat(layout, async (bat) => {
      for (const index of [4095, 4096, 4097]) {
        expect(await bat.block(index)).toEqual({ source: 'file', offset: layout.blocks.get(index) });
      }
      expect(await runsOf(bat)).toEqual([
        { source: 'zeros', first: 0, count: 4095 },
        { source: 'file', first: 4095, count: 3 },
      ]);
    });
  });

  it('may have room for more entries than the disk needs', async () => {
    await withBat(build({ batLength: 4 * MIB, batEntries: new Map([[8, 4n]]) }), async (bat) => {
      expect(await runsOf(bat)).toEqual([{ source: 'zeros', first: 0, count: 8 }]);
    });
  });

  it('may contain anything between the last block and the sector bitmap of its chunk', async () => {
    // With sectors of 4096 bytes, a chunk has 32768 entries, more than one read returns.
    const anything = new Map([8, 100, 10_000, 32_767].map((entry) => [entry, 0xfffffffffffffffcn]));
    const layout = build({ logicalSectorSize: 4096, parent: PARENT, batEntries: anything, blocks: [{ index: 7 }] });
    await withBat(layout, async (bat) =>
      expect(await runsOf(bat)).toEqual([
        { source: 'parent', first: 0, count: 7 },
        { source: 'file', first: 7, count: 1 },
      ]),
    );
  });

  it('is refused if it has no room for all entries', async () => {
    const opening = withBat(build({ size: 256 * GIB, batLength: MIB }), runsOf);
    await expect(opening).rejects.toThrow(CorruptImageError);
    await expect(opening).rejects.toThrow('must have 262207 entries, but its region has room for 131072');
  });

  it.each([
    [0, 'zeros', 'parent'],
    [1, 'zeros', 'zeros'],
    [2, 'zeros', 'zeros'],
    [3, 'zeros', 'zeros'],
    [5, 'zeros', 'zeros'],
    [6, 'file', 'file'],
    [7, 'file', 'partial'],
  ])('maps state %i to %s in a base file and to %s in a differencing one', async (state, base, differencing) => {
    const blocks = [{ index: 1, state, present: [[0, 1] as const] }];
    await withBat(build({ blocks }), async (bat) => expect((await bat.block(1)).source).toBe(base));
    await withBat(build({ blocks, parent: PARENT }), async (bat) =>
      expect((await bat.block(1)).source).toBe(differencing),
    );
  });

  it('refuses the undefined state 4, and names the entry and the block', async () => {
    const opening = withBat(build({ size: 4 * GIB + MIB, batEntries: new Map([[4097, 4n]]) }), runsOf);
    await expect(opening).rejects.toThrow(CorruptImageError);
    await expect(opening).rejects.toThrow(/Cannot read BAT entry 4097 \(block 4096\) of .*: its state is 4/);
  });

  it.each([0n, 1n, 2n, 3n, 5n])('ignores the offset in an entry of state %i', async (state) => {
    for (const offset of [0n, 1n << 63n, BigInt(MIB)]) {
      await withBat(build({ batEntries: new Map([[0, state | offset]]) }), async (bat) =>
        expect((await bat.block(0)).source).toBe('zeros'),
      );
    }
  });

  it('ignores the reserved bits of an entry', async () => {
    const layout = build({ batEntries: new Map([[0, 6n | 0xffff8n | (4n << 20n)]]), extraLength: MIB });
    await withBat(layout, async (bat) => expect(await bat.block(0)).toEqual({ source: 'file', offset: 4 * MIB }));
  });

  it('ignores sector bitmap entries of a base file, which old versions of qemu-img leave random', async () => {
    const layout = build({ size: 4 * GIB + MIB, batEntries: new Map([[4096, 0xffffffffffffffffn]]) });
    await withBat(layout, async (bat) => expect(await runsOf(bat)).toHaveLength(1));
  });
});

describe('a block', () => {
  const entry = (mib: number | bigint, state = 6): ReadonlyMap<number, bigint> =>
    new Map([[0, (BigInt(mib) << 20n) | BigInt(state)]]);

  it.each([
    ['in the header section', entry(0), /its block at 0 lies in the header section/],
    ['in the log', entry(1), /its block at 1048576 lies in the log/],
    ['in the metadata', entry(2), /lies in the metadata/],
    ['in the BAT', entry(3), /lies in the BAT/],
    [
      'after the end of the file',
      entry(8),
      /the file was truncated. It has 8388608 bytes; its blocks need 9437184 \(BAT entry 0, block 0, ends at 9437184\)/,
    ],
    ['at the largest offset that an entry can hold', entry((1n << 44n) - 1n), /starts at 18446744073708503000/],
  ])('is refused %s, at open and when it is read', async (_, batEntries, message) => {
    const layout = build({ batEntries, extraLength: 4 * MIB });
    await expect(withBat(layout, runsOf)).rejects.toThrow(message);
    await expect(withBat(layout, runsOf)).rejects.toThrow(/^Cannot read .*BAT entry 0.*block 0/s);
    const sound = build({ extraLength: 4 * MIB });
    await withBat(sound, async (_bat, { bytes, disk }) => {
      const regions = {
        bat: { name: 'the BAT', ...layout.bat },
        metadata: { name: 'the metadata', ...layout.metadata },
        all: [
          { name: 'the header section', offset: 0, length: MIB },
          { name: 'the log', ...layout.log },
          { name: 'the metadata', ...layout.metadata },
          { name: 'the BAT', ...layout.bat },
        ],
      };
      await withFile(layout.path, async (file) => {
        expect(bytes.size).toBe(file.size);
        await expect(new BlockAllocationTable(file, regions, disk).block(0)).rejects.toThrow(message);
      });
    });
  });

  it('is refused in the place of another block, in any order', async () => {
    for (const [first, second] of [
      [4, 4],
      [4, 5],
      [5, 4],
    ] as const) {
      const layout = build({
        size: 8 * MIB,
        blockSize: 2 * MIB,
        blocks: [
          { index: 3, offsetMib: first },
          { index: 1, offsetMib: second },
        ],
        extraLength: 8 * MIB,
      });
      await expect(withBat(layout, runsOf)).rejects.toThrow(
        `Cannot read BAT entry 3 (block 3) of ${layout.path}: its block at ${first * MIB} overlaps another block.`,
      );
    }
  });

  it('is reported with the expected length if the file is truncated', async () => {
    const layout = build({ size: 8 * MIB, blockSize: MIB, blocks: [0, 1, 2, 3].map((index) => ({ index })) });
    truncateSync(layout.path, layout.fileLength - 2 * MIB - 512);
    await expect(withBat(layout, runsOf)).rejects.toThrow(
      `the file was truncated. It has ${layout.fileLength - 2 * MIB - 512} bytes; its blocks need ${layout.fileLength} (BAT entry 1`,
    );
  });

  it('may be truncated by the end of the file, but only at the end of the disk', async () => {
    const blocks = [{ index: 0 }, { index: 1 }];
    const layout = build({ size: 2 * MIB + 512 * KIB, blockSize: 2 * MIB, blocks });
    truncateSync(layout.path, layout.fileLength - MIB - 512 * KIB);
    await withBat(layout, async (bat) => expect(await runsOf(bat)).toHaveLength(1));
    truncateSync(layout.path, layout.fileLength - MIB - 512 * KIB - 512);
    await expect(withBat(layout, runsOf)).rejects.toThrow(/the file was truncated\. .*BAT entry 1, block 1/);
  });
});

describe('a sector bitmap', () => {
  it('is found by its chunk', async () => {
    const layout = build({
      size: 8 * GIB,
      parent: PARENT,
      bitmapsFirst: true,
      blocks: [
        { index: 1, state: 7, present: [[0, 1]] },
        { index: 5000, state: 7, present: [[0, 1]] },
      ],
    });
    await withBat(layout, async (bat) => {
      expect([await bat.sectorBitmap(0), await bat.sectorBitmap(1)]).toEqual([
        layout.bitmaps.get(0),
        layout.bitmaps.get(1),
      ]);
    });
  });

  it.each([
    ['absent', 0n, /must be present \(state 6\), but its state is 0/],
    ['in a wrong state', 7n, /its state is 7/],
    ['after the end of the file', 6n | (100n << 20n), /the file was truncated\. .*BAT entry 4096, a sector bitmap/],
    ['in the log', 6n | (1n << 20n), /\(a sector bitmap\).*lies in the log/],
    ['in the place of a block', 6n | (4n << 20n), /\(a sector bitmap\).*overlaps another block/],
  ])('is refused when it is needed and %s', async (_, value, message) => {
    const layout = build({
      parent: PARENT,
      blocks: [{ index: 0, state: 7, present: [[0, 1]] }],
      batEntries: new Map([[4096, value]]),
    });
    await expect(withBat(layout, async (bat) => await bat.sectorBitmap(0))).rejects.toThrow(message);
  });
});

describe('a large BAT', () => {
  it('is not checked at open, but while it is scanned and read', async () => {
    const layout = build({ size: 2 * TIB, batEntries: new Map([[1_000_000, 4n]]) });
    await withBat(layout, async (bat) => {
      await expect(runsOf(bat)).rejects.toThrow(/entry 1000000 \(block 999756\)/);
      await expect(bat.block(999_756)).rejects.toThrow(CorruptImageError);
      expect(await bat.block(0)).toEqual({ source: 'zeros' });
    });
  });

  it('of 4 MiB is checked at open', async () => {
    const layout = build({ size: 500 * GIB, batEntries: new Map([[500_000, 4n]]) });
    await expect(withBat(layout, async (bat) => await bat.block(0))).rejects.toThrow(/BAT entry 500000/);
  });

  it('of 64 Mi entries is scanned in small slices, each read once, as one run', async () => {
    await withBat(build({ size: 64 * TIB }), async (bat) => {
      const reads = vi.spyOn(ImageFile.prototype, 'read');
      try {
        expect(await runsOf(bat)).toEqual([{ source: 'zeros', first: 0, count: 64 * MIB }]);
        const lengths = reads.mock.calls.map(([, into]) => into.length);
        expect(Math.max(...lengths)).toBeLessThanOrEqual(256 * KIB);
        expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(bat.entryCount * 8);
      } finally {
        reads.mockRestore();
      }
    });
  });

  it.each([
    ['a base file', {}],
    ['a differencing file', { parent: PARENT }],
  ])('gives the same runs of %s whichever part of the table is zero', async (_, spec) => {
    // 40,960 blocks in ten chunks, in a table of two slices and eighty pieces.
    // A block in the file ends the zeros of its piece.
    const size = 40 * GIB;
    const places = fc.uniqueArray(
      fc.oneof(fc.integer({ min: 0, max: 40_959 }), fc.constantFrom(4095, 8189, 8190, 8191, 16_380, 40_959)),
      {
        maxLength: 6,
      },
    );
    await fc.assert(
      fc.asyncProperty(places, async (indexes) => {
        const layout = build({ size, ...spec, blocks: indexes.map((index) => ({ index })) });
        await withBat(layout, async (bat) => {
          const elsewhere = 'parent' in spec ? 'parent' : 'zeros';
          const runs = await runsOf(bat);
          let next = 0;
          for (const { source, first, count } of runs) {
            expect(first).toBe(next);
            next = first + count;
            expect(indexes.filter((index) => index >= first && index < next)).toHaveLength(
              source === elsewhere ? 0 : count,
            );
          }
          expect(next).toBe(40_960);
          expect(runs.filter(({ source }) => source !== elsewhere).reduce((sum, { count }) => sum + count, 0)).toBe(
            indexes.length,
          );
        });
      }),
      { numRuns: 40 },
    );
  });

  it('is refused in a file of more than 128 TiB, because its map would be unbounded', async () => {
    const layout = build({});
    await withBat(layout, async (_bat, { bytes, disk }) => {
      const long: ImageBytes = {
        path: 'long.vhdx',
        size: 128 * TIB + 1,
        read: async (at, into) => await bytes.read(at, into),
      };
      const regions = {
        bat: { name: 'the BAT', ...layout.bat },
        metadata: { name: '', offset: 0, length: 0 },
        all: [],
      };
      expect(() => new BlockAllocationTable(long, regions, disk)).toThrow(UnsupportedImageError);
      await Promise.resolve();
    });
  });
});

describe('openVhdxFile', () => {
  it('leaves the file open for the caller when it fails', async () => {
    const layout = build({ batEntries: new Map([[0, 4n]]) });
    const file = await ImageFile.open(layout.path);
    await expect(openVhdxFile(file, {})).rejects.toThrow(CorruptImageError);
    await file.close();
  });
});
