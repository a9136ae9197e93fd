// vhdup reads VHDX files that qemu-img wrote, and qemu-img reads files of the test builder.
import { closeSync, copyFileSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hasQemuImg, NO_QEMU_IMG, qemuImg } from '../../support/qemu.ts';
import { buildVhdx, GIB, MIB, pattern, type VhdxSpec } from '../../support/vhdx-builder.ts';
import { moveToLog } from '../../support/vhdx-log-builder.ts';
import { firstDifference, withImage, workspace } from '../../support/vhdx-workspace.ts';

const at = workspace();
let count = 0;

/** A raw disk with some data in several places, and at its end. */
function rawDisk(size: number): string {
  const path = at(`source-${count++}.raw`);
  const fd = openSync(path, 'w');
  ftruncateSync(fd, size);
  for (let seed = 1; seed <= 12; seed++) {
    const offset = Math.floor(((size - 8192) * (seed ** 2 % 11)) / 11 / 512) * 512;
    writeSync(fd, pattern(seed, 4096 + 512 * seed), 0, 4096, offset);
  }
  writeSync(fd, pattern(99, 512), 0, 512, size - 512);
  closeSync(fd);
  return path;
}

/** The disk as qemu-img reads it, in raw format. */
async function readByQemu(path: string): Promise<string> {
  await qemuImg('convert', '-f', 'vhdx', '-O', 'raw', path, `${path}.raw`);
  return `${path}.raw`;
}

describe.skipIf(!hasQemuImg)(`a VHDX from qemu-img (or: ${NO_QEMU_IMG})`, () => {
  const sizes = [20 * MIB, 70 * MIB + 512, 300 * MIB - 4096];
  const cases = (['fixed', 'dynamic'] as const).flatMap((subformat) =>
    [1, 8, 32, 256].flatMap((blockMib) => sizes.map((size) => ({ subformat, blockMib, size }))),
  );

  it.each(cases)(
    '$subformat, blocks of $blockMib MiB, $size bytes, reads as it was written',
    async ({ subformat, blockMib, size }) => {
      const source = rawDisk(size);
      const path = `${source}.vhdx`;
      await qemuImg(
        'convert',
        '-f',
        'raw',
        '-O',
        'vhdx',
        '-o',
        `subformat=${subformat},block_size=${blockMib}M`,
        source,
        path,
      );
      await withImage(path, async (image, warnings) => {
        expect(image).toMatchObject({ format: `vhdx-${subformat}`, size });
        expect(await firstDifference(image, source)).toBeUndefined();
        expect(warnings).toEqual([]);
      });
    },
  );

  it.each([
    ['of two chunks', 5 * GIB + 512, 'block_size=1M'],
    ['without zero blocks', 70 * MIB, 'block_state_zero=off'],
    ['with a log of 16 MiB', 70 * MIB, 'log_size=16M'],
  ])('%s reads as it was written', async (_, size, option) => {
    const source = rawDisk(size);
    const path = `${source}.vhdx`;
    await qemuImg('convert', '-f', 'raw', '-O', 'vhdx', '-o', option, source, path);
    await withImage(path, async (image) => expect(await firstDifference(image, source)).toBeUndefined());
  });
});

describe.skipIf(!hasQemuImg)(`qemu-img and vhdup read the same (or: ${NO_QEMU_IMG})`, () => {
  const pieces = (seed: number): VhdxSpec['blocks'] => [
    { index: 5, pieces: [{ at: 4096, bytes: pattern(seed, 8192) }] },
    { index: 0, pieces: [{ at: 0, bytes: pattern(seed + 1, 8192) }] },
    { index: 3, state: 2 },
    { index: 2, pieces: [{ at: MIB - 512, bytes: pattern(seed + 2, 512) }] },
  ];
  const specs: readonly (readonly [string, VhdxSpec])[] = [
    ['a dynamic disk with blocks out of order', { size: 6 * MIB, blocks: pieces(1) ?? [] }],
    ['a disk that ends inside a block', { size: 5 * MIB + 512 * 3, blocks: pieces(4) ?? [] }],
    [
      'blocks of 256 MiB',
      { size: 300 * MIB, blockSize: 256 * MIB, blocks: [{ index: 1, pieces: [{ at: MIB, bytes: pattern(8, 4096) }] }] },
    ],
    [
      'two chunks',
      {
        size: 5 * GIB,
        blocks: [4095, 4096, 4097].map((index) => ({ index, pieces: [{ at: 0, bytes: pattern(index, 4096) }] })),
      },
    ],
    [
      'unmapped blocks with old data',
      { size: 4 * MIB, blocks: [{ index: 1, state: 3, offsetMib: 9, pieces: [{ at: 0, bytes: pattern(9, 4096) }] }] },
    ],
  ];

  it.each(specs)('%s', async (_, spec) => {
    const { path } = buildVhdx(at(`built-${count++}.vhdx`), spec);
    const theirs = await readByQemu(path);
    await withImage(path, async (image) => expect(await firstDifference(image, theirs)).toBeUndefined());
  });

  it('a log, which qemu-img replays into a copy of the file', async () => {
    const layout = buildVhdx(at('dirty.vhdx'), { size: 6 * MIB, blocks: pieces(20) ?? [] });
    const clean = at('clean.vhdx');
    copyFileSync(layout.path, clean);
    moveToLog(layout, [layout.bat.offset, layout.metadata.offset + 65536, layout.blocks.get(0) ?? 0], 1n << 60n);
    const repaired = at('repaired.vhdx');
    copyFileSync(layout.path, repaired);
    await qemuImg('check', '-f', 'vhdx', '-r', 'all', repaired);
    const [expected, replayed] = [await readByQemu(clean), await readByQemu(repaired)];
    expect(readFileSync(replayed).equals(readFileSync(expected))).toBe(true);
    await withImage(layout.path, async (image) => expect(await firstDifference(image, expected)).toBeUndefined());
  });
});
