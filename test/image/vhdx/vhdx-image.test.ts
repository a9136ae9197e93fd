import { appendFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { CorruptImageError, ImageChangedError } from '../../../src/errors.ts';
import { ImageFile } from '../../../src/image/image-file.ts';
import {
  buildVhdx,
  GIB,
  guidBytes,
  KIB,
  MIB,
  nextGuid,
  patchFile,
  pattern,
  TIB,
  type VhdxLayout,
  type VhdxSpec,
} from '../../support/vhdx-builder.ts';
import { moveToLog, writeLog } from '../../support/vhdx-log-builder.ts';
import { contentsOf, extentsOf, readRange, withImage, workspace } from '../../support/vhdx-workspace.ts';

const at = workspace();
let count = 0;

function build(spec: Partial<VhdxSpec>): VhdxLayout {
  return buildVhdx(at(`image-${count++}.vhdx`), { size: 8 * MIB, ...spec });
}

/** A base file whose first 8 MiB are pattern 1, and a child of it. */
function buildChild(
  spec: Partial<VhdxSpec>,
  base: Partial<VhdxSpec> = {},
): { child: VhdxLayout; parent: VhdxLayout; base: Buffer } {
  const contents = pattern(1, 8 * MIB);
  const blocks = Array.from({ length: 8 }, (_, index) => ({
    index,
    pieces: [{ at: 0, bytes: contents.subarray(index * MIB, (index + 1) * MIB) }],
  }));
  const parent = build({ blocks, ...base });
  const name = parent.path.replace(/^.*\//, '');
  const linkage = { parent_linkage: `{${parent.dataWriteGuid}}`, relative_path: `.\\${name}` };
  return { child: build({ parent: linkage, ...spec }), parent, base: contents };
}

describe('VhdxImage', () => {
  it('describes itself', async () => {
    const page83 = nextGuid();
    const dataWriteGuid = nextGuid();
    const layout = build({ page83, dataWriteGuid, size: 5 * MIB + 512 });
    await withImage(layout.path, async (image, warnings) => {
      expect(image).toMatchObject({ format: 'vhdx-dynamic', size: 5 * MIB + 512, timestamp: 0, path: layout.path });
      expect(Buffer.from(image.diskId)).toEqual(guidBytes(page83));
      expect(image.files).toMatchObject([{ diskId: dataWriteGuid.replaceAll('-', ''), size: layout.fileLength }]);
      expect(await extentsOf(image)).toEqual([]);
      expect(warnings).toEqual([]);
    });
    await withImage(build({ leaveBlocksAllocated: true }).path, async (image) => {
      expect(await Promise.resolve(image.format)).toBe('vhdx-fixed');
    });
  });

  it('reads blocks in any order, with gaps, and across block boundaries', async () => {
    const layout = build({
      size: 6 * MIB,
      blockSize: 2 * MIB,
      blocks: [
        { index: 2, offsetMib: 20, pieces: [{ at: 0, bytes: pattern(3, 2 * MIB) }] },
        { index: 0, offsetMib: 10, pieces: [{ at: 0, bytes: pattern(2, 2 * MIB) }] },
      ],
      extraLength: 20 * MIB,
    });
    await withImage(layout.path, async (image) => {
      const whole = Buffer.concat([pattern(2, 2 * MIB), Buffer.alloc(2 * MIB), pattern(3, 2 * MIB)]);
      expect((await readRange(image, 0, 6 * MIB)).equals(whole)).toBe(true);
      expect(await readRange(image, 2 * MIB - 512, 1024)).toEqual(whole.subarray(2 * MIB - 512, 2 * MIB + 512));
      expect(await readRange(image, 4 * MIB - 512, 1024)).toEqual(whole.subarray(4 * MIB - 512, 4 * MIB + 512));
      expect(await extentsOf(image)).toEqual([
        { offset: 0, length: 2 * MIB },
        { offset: 4 * MIB, length: 2 * MIB },
      ]);
    });
  });

  it('never returns data of the last block beyond the end of the disk', async () => {
    const layout = build({ size: MIB + 512, blocks: [{ index: 1, pieces: [{ at: 0, bytes: pattern(1, MIB) }] }] });
    await withImage(layout.path, async (image) => {
      expect(await extentsOf(image)).toEqual([{ offset: MIB, length: 512 }]);
      expect(await readRange(image, MIB, 512)).toEqual(pattern(1, 512));
      await expect(readRange(image, MIB, 1024)).rejects.toThrow(RangeError);
    });
  });

  it('reads undefined, zero and unmapped blocks as zeros, even if the file has old data for them', async () => {
    const pieces = [{ at: 0, bytes: pattern(9, 4096) }];
    const blocks = [1, 2, 3, 5].map((state, index) => ({ index, state, offsetMib: 10 + index, pieces }));
    await withImage(build({ blocks, extraLength: 16 * MIB }).path, async (image) => {
      expect((await readRange(image, 0, 8 * MIB)).equals(Buffer.alloc(8 * MIB))).toBe(true);
      expect(await extentsOf(image)).toEqual([]);
    });
  });

  it('reads a partially present block of a base file as fully present', async () => {
    const bytes = pattern(4, MIB);
    await withImage(build({ blocks: [{ index: 3, state: 7, pieces: [{ at: 0, bytes }] }] }).path, async (image) => {
      expect((await readRange(image, 3 * MIB, MIB)).equals(bytes)).toBe(true);
    });
  });

  it('reads a fixed disk through its BAT, even if its blocks are out of order', async () => {
    const blocks = [2, 0, 1].map((index) => ({ index, pieces: [{ at: 0, bytes: pattern(index, MIB) }] }));
    await withImage(build({ size: 3 * MIB, leaveBlocksAllocated: true, blocks }).path, async (image) => {
      const expected = Buffer.concat([pattern(0, MIB), pattern(1, MIB), pattern(2, MIB)]);
      expect((await contentsOf(image)).equals(expected)).toBe(true);
    });
  });

  it('reads the end of a disk of 64 TiB', async () => {
    const layout = build({
      size: 64 * TIB,
      blocks: [{ index: 64 * MIB - 1, pieces: [{ at: MIB - 512, bytes: pattern(5, 512) }] }],
    });
    await withImage(layout.path, async (image) => {
      expect(await readRange(image, 64 * TIB - 512, 512)).toEqual(pattern(5, 512));
      expect(await readRange(image, 64 * TIB - 2 * MIB, 512)).toEqual(Buffer.alloc(512));
    });
  });

  it('fills a view of shared memory', async () => {
    const layout = build({ blocks: [{ index: 0, pieces: [{ at: 0, bytes: pattern(6, 4096) }] }] });
    await withImage(layout.path, async (image) => {
      const view = new Uint8Array(new SharedArrayBuffer(8192), 512, 4096);
      await image.read({ offset: 0, length: 4096 }, view);
      expect(Buffer.from(view)).toEqual(pattern(6, 4096));
    });
  });

  it('warns of sectors of 4096 bytes, and returns the bytes unchanged', async () => {
    const blocks = [{ index: 0, pieces: [{ at: 0, bytes: pattern(7, 8192) }] }];
    await withImage(build({ logicalSectorSize: 4096, blocks }).path, async (image, warnings) => {
      expect(warnings.map(({ code }) => code)).toEqual(['sector-size-4096']);
      expect(await readRange(image, 512, 4096)).toEqual(pattern(7, 8192).subarray(512, 4608));
    });
  });

  it('refuses a read of a partial sector, which is a bug of the caller', async () => {
    await withImage(build({}).path, async (image) => {
      await expect(image.read({ offset: 1, length: 512 }, new Uint8Array(512))).rejects.toThrow(RangeError);
      await expect(image.read({ offset: 0, length: 512 }, new Uint8Array(1024))).rejects.toThrow(RangeError);
    });
  });
});

describe('a differencing VhdxImage', () => {
  it('reads each sector of a partially present block from the file that its bit selects, lowest bit first', async () => {
    const { child, base } = buildChild({
      blocks: [
        {
          index: 2,
          state: 7,
          // The first byte is 0b11001011, a pattern that libvhdi reads incorrectly.
          present: [
            [0, 2],
            [3, 1],
            [6, 2],
            [1000, 48],
          ],
          pieces: [{ at: 0, bytes: pattern(2, MIB) }],
        },
      ],
    });
    const expected = Buffer.from(base);
    const own = pattern(2, MIB);
    for (const [first, sectors] of [
      [0, 2],
      [3, 1],
      [6, 2],
      [1000, 48],
    ] as const) {
      own.copy(expected, 2 * MIB + first * 512, first * 512, (first + sectors) * 512);
    }
    await withImage(child.path, async (image) => {
      expect(image.format).toBe('vhdx-differencing');
      expect((await readRange(image, 0, 8 * MIB)).equals(expected)).toBe(true);
      for (const sector of [0, 1, 2, 3, 4, 5, 6, 7, 8, 999, 1000, 1047, 1048]) {
        const offset = 2 * MIB + sector * 512;
        expect(await readRange(image, offset, 512)).toEqual(expected.subarray(offset, offset + 512));
      }
    });
  });

  // libvhdi reads the parent here. The specification (2.5.1.1) reads the parent only for blocks in state 0.
  it('hides the parent with zero, unmapped and undefined blocks, and with stored zeros', async () => {
    const states = [0, 1, 2, 3, 5, 6].map((state, index) => ({ index, state, offsetMib: 30 + index }));
    const { child, base } = buildChild({ blocks: states, extraLength: 40 * MIB });
    await withImage(child.path, async (image) => {
      const expected = Buffer.from(base);
      expected.fill(0, MIB, 6 * MIB);
      expect((await readRange(image, 0, 8 * MIB)).equals(expected)).toBe(true);
      expect(await extentsOf(image)).toEqual([
        { offset: 0, length: MIB },
        { offset: 5 * MIB, length: 3 * MIB },
      ]);
    });
  });

  it('counts the bits per chunk, not per block, also beyond the first chunk', async () => {
    const blocks = [
      { index: 15, state: 7, present: [[8, 8] as const], pieces: [{ at: 4096, bytes: pattern(5, 4096) }] },
      { index: 17, state: 7, present: [[16, 1] as const], pieces: [{ at: 8192, bytes: pattern(6, 512) }] },
    ];
    const { child } = buildChild({ size: 18 * 256 * MIB, blockSize: 256 * MIB, blocks });
    expect(child.bitmaps.size).toBe(2);
    await withImage(child.path, async (image) => {
      const first = await readRange(image, 15 * 256 * MIB, 16 * KIB);
      expect(first).toEqual(Buffer.concat([Buffer.alloc(4096), pattern(5, 4096), Buffer.alloc(8192)]));
      const second = await readRange(image, 17 * 256 * MIB + 8192, 1024);
      expect(second).toEqual(Buffer.concat([pattern(6, 512), Buffer.alloc(512)]));
    });
  });

  it('reads partial 4 KiB sectors over a parent with sectors of 512 bytes', async () => {
    const { child, base } = buildChild({
      logicalSectorSize: 4096,
      blocks: [{ index: 0, state: 7, present: [[1, 1]], pieces: [{ at: 0, bytes: pattern(3, 16 * KIB) }] }],
    });
    const expected = Buffer.from(base.subarray(0, 16 * KIB));
    pattern(3, 16 * KIB).copy(expected, 4096, 4096, 8192);
    await withImage(child.path, async (image) => {
      for (const [offset, length] of [
        [0, 16 * KIB],
        [512, 512],
        [3584, 1024],
        [4608, 512],
        [7680, 1024],
        [512, 15 * KIB],
      ] as const) {
        expect(await readRange(image, offset, length)).toEqual(expected.subarray(offset, offset + length));
      }
    });
  });

  it.each([
    ['larger', { size: 12 * MIB }],
    ['smaller', { size: 3 * MIB + 512 }],
    ['of larger blocks', { blockSize: 4 * MIB }],
  ])('may be %s than its parent', async (_, spec) => {
    const { child, base } = buildChild(spec);
    await withImage(child.path, async (image) => {
      const expected = Buffer.alloc(image.size);
      base.copy(expected, 0, 0, Math.min(image.size, base.length));
      expect((await contentsOf(image)).equals(expected)).toBe(true);
      expect((await readRange(image, 0, image.size)).equals(expected)).toBe(true);
      expect(await extentsOf(image)).toEqual([{ offset: 0, length: Math.min(image.size, base.length) }]);
    });
  });

  it('lists all files of the chain, the child first, and detects changes in any of them', async () => {
    const { child, parent } = buildChild({});
    await withImage(child.path, async (image) => {
      expect(image.files.map(({ diskId }) => diskId)).toEqual(
        [child, parent].map((layout) => layout.dataWriteGuid.replaceAll('-', '')),
      );
      await image.assertUnchanged();
      appendFileSync(parent.path, 'x');
      await expect(image.assertUnchanged()).rejects.toThrow(ImageChangedError);
    });
  });

  it('refuses a missing bitmap of a large disk when it is read', async () => {
    const blocks = [{ index: 0, state: 7, present: [[0, 1] as const], pieces: [{ at: 0, bytes: pattern(1, 512) }] }];
    const { child } = buildChild({ size: 2 * TIB, blocks, batEntries: new Map([[4096, 3n]]) });
    await withImage(child.path, async (image) => {
      await expect(readRange(image, 0, 512)).rejects.toThrow(CorruptImageError);
    });
  });
});

describe('the file position of a range in a VHDX', () => {
  const locate = async (path: string, offset: number, length: number) =>
    await withImage(path, async (image) => await image.locate?.({ offset, length }));
  const twoMib = { blockSize: 2 * MIB, extraLength: 4 * MIB };

  it('is known for a range in one block that is entirely in the file', async () => {
    const blocks = [{ index: 1, offsetMib: 10, pieces: [{ at: 0, bytes: pattern(3, 2 * MIB) }] }];
    const { path } = build({ ...twoMib, blocks });
    const expected = { fd: expect.any(Number), position: 10 * MIB + 1024 };
    expect(await locate(path, 2 * MIB + 1024, 2 * MIB - 1024)).toEqual(expected);
    const { child } = buildChild({ ...twoMib, blocks });
    expect(await locate(child.path, 2 * MIB + 1024, MIB)).toEqual(expected);
  });

  it('is unknown if the range crosses into the next block, reads as zeros, or belongs to a parent', async () => {
    const blocks = [0, 1, 2].map((index) => ({ index, state: index === 2 ? 2 : 6, offsetMib: 10 + 2 * index }));
    const { path } = build({ ...twoMib, blocks });
    expect(await locate(path, 2 * MIB - 512, 1024)).toBeUndefined();
    expect(await locate(path, 4 * MIB, 512)).toBeUndefined();
    expect(await locate(path, 6 * MIB, 512)).toBeUndefined();
    const partly = [{ index: 0, state: 7, present: [[0, 8] as const], offsetMib: 10 }];
    const { child } = buildChild({ ...twoMib, blocks: partly });
    expect(await locate(child.path, 0, 512)).toBeUndefined();
    expect(await locate(child.path, 2 * MIB, 512)).toBeUndefined();
  });

  it('is unknown if a log is replayed over the file', async () => {
    const layout = build({ blocks: [{ index: 0, pieces: [{ at: 0, bytes: pattern(3, MIB) }] }] });
    expect(await locate(layout.path, 0, 4096)).toBeDefined();
    moveToLog(layout, [layout.blocks.get(0) ?? 0]);
    expect(await locate(layout.path, 0, 4096)).toBeUndefined();
  });
});

describe('a VHDX that was not closed cleanly', () => {
  it('replays its log into the BAT, sector bitmap, metadata, region tables and data', async () => {
    const blocks = [{ index: 2, state: 7, present: [[3, 5] as const], pieces: [{ at: 0, bytes: pattern(2, MIB) }] }];
    const { child, base } = buildChild({ blocks });
    const expected = Buffer.from(base);
    pattern(2, MIB).copy(expected, 2 * MIB + 3 * 512, 3 * 512, 8 * 512);
    const block = child.blocks.get(2) ?? 0;
    moveToLog(child, [
      192 * KIB,
      256 * KIB,
      child.metadata.offset,
      child.metadata.offset + 64 * KIB,
      child.bat.offset,
      child.bat.offset + 8 * 4096,
      child.bitmaps.get(0) ?? 0,
      block,
    ]);
    await withImage(child.path, async (image, warnings) => {
      expect(warnings.map(({ code }) => code)).toEqual(['log-replayed']);
      expect((await readRange(image, 0, 8 * MIB)).equals(expected)).toBe(true);
    });
  });

  it('can be a parent', async () => {
    const { child, parent, base } = buildChild({});
    moveToLog(parent, [parent.bat.offset, parent.blocks.get(0) ?? 0]);
    await withImage(child.path, async (image, warnings) => {
      expect(warnings.map(({ code }) => code)).toEqual(['log-replayed']);
      expect((await contentsOf(image)).equals(base)).toBe(true);
    });
  });

  it('may have blocks beyond the end of the file if the log extends it', async () => {
    const layout = build({});
    const bat = Buffer.alloc(4096);
    bat.writeBigUInt64LE(BigInt(layout.fileLength) | 6n, 0);
    const bytes = pattern(8, 4096);
    writeLog(layout, {
      entries: [
        {
          sequence: 1n,
          last: BigInt(layout.fileLength + MIB),
          descriptors: [
            { page: layout.bat.offset, bytes: bat },
            { page: layout.fileLength + 8192, bytes },
          ],
        },
      ],
    });
    await withImage(layout.path, async (image) => {
      const expected = Buffer.alloc(MIB);
      bytes.copy(expected, 8192);
      expect((await readRange(image, 0, MIB)).equals(expected)).toBe(true);
    });
  });

  it('is refused if its log is lost', async () => {
    const layout = build({});
    const { logGuid } = writeLog(layout, { entries: [{ sequence: 1n }] });
    patchFile(layout.path, layout.log.offset, Buffer.alloc(4096));
    await expect(withImage(layout.path, extentsOf)).rejects.toThrow(`its log (${logGuid}) contains no valid sequence`);
  });
});

describe('unallocated data', () => {
  it('is never read, neither by extents() nor by read()', async () => {
    const { child, parent } = buildChild({
      size: 4 * GIB,
      blocks: [
        { index: 1, pieces: [] },
        { index: 2, state: 2, offsetMib: 100 },
        { index: 3, state: 7, present: [[0, 4]] },
      ],
      extraLength: 200 * MIB,
    });
    await withImage(child.path, async (image) => {
      const reads = vi.spyOn(ImageFile.prototype, 'read');
      try {
        await extentsOf(image);
        expect(reads.mock.calls.filter(([, into]) => into.length >= 512 * KIB)).toEqual([]);
        reads.mockClear();
        await readRange(image, 16 * MIB, 64 * MIB);
        await readRange(image, MIB, 2 * MIB);
        const dataReads = reads.mock.contexts
          .map((file, index) => ({ path: (file as ImageFile).path, at: reads.mock.calls[index]?.[0] }))
          .filter(({ at }) => (at ?? 0) >= 4 * MIB);
        // One read for block 1. Blocks from 16 lie beyond the end of the parent, and block 2 is zeros.
        expect(dataReads).toEqual([{ path: child.path, at: child.blocks.get(1) }]);
        reads.mockClear();
        await readRange(image, 3 * MIB, 4 * 512);
        expect(reads.mock.contexts.filter((file) => (file as ImageFile).path === parent.path)).toEqual([]);
      } finally {
        reads.mockRestore();
      }
    });
  });

  it('costs no reads: a full block takes one, a partial one takes one of the bitmap and one of each file', async () => {
    const { child, parent } = buildChild({
      blocks: [
        { index: 0, pieces: [] },
        { index: 1, state: 7, present: Array.from({ length: 100 }, (_, index) => [index * 4, 1] as const) },
      ],
    });
    await withImage(child.path, async (image) => {
      await readRange(image, 0, 8 * MIB);
      const reads = vi.spyOn(ImageFile.prototype, 'read');
      try {
        await readRange(image, 0, MIB);
        expect(reads).toHaveBeenCalledTimes(1);
        reads.mockClear();
        await readRange(image, MIB, MIB);
        expect(reads.mock.contexts.map((file) => (file as ImageFile).path)).toEqual([
          child.path,
          parent.path,
          child.path,
        ]);
      } finally {
        reads.mockRestore();
      }
    });
  });
});
