// Every variant of mkfs.btrfs and of mounts: what the reader shows is what the kernel shows, byte for byte;
// what is in use is what btrfs-progs lists; and after everything else is overwritten, nothing is missing.
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { endOf } from '../../../../src/base/byte-range.ts';
import { openBtrfs } from '../../../../src/volume/file-systems/btrfs/open-btrfs.ts';
import type { OpenedFileSystem } from '../../../../src/volume/file-systems/opened-file-system.ts';
import {
  compressible,
  isSoundForTools,
  makeBtrfs,
  NO_BTRFS,
  subvolumes,
  usedByTools,
} from '../../../support/btrfs-volumes.ts';
import {
  differencesOf,
  readBelow,
  runTool,
  type ShownFile,
  shownBelow,
  type TestVolume,
} from '../../../support/loop-volume.ts';
import { openedVolume } from '../../../support/opened-volume.ts';
import { collectRanges, overwriteUnused } from '../../../support/volume-ranges.ts';
import { MIB, plainTree, populate } from '../../../support/xfs-volumes.ts';

/** Arguments of mkfs.btrfs, of variants that the kernel mounts. */
const MOUNTED: readonly string[] = [
  '',
  '-n 4096',
  '-n 65536',
  '-m dup -d dup',
  '-M -n 4096 -m dup -d dup',
  '--csum sha256 -d dup',
  '--csum blake2 -n 65536',
  '-O ^no-holes --csum xxhash -m single -d single',
  '-O ^extref,^skinny-metadata,^no-holes -R ^free-space-tree',
  '-R quota',
];

/** Options of mount. */
const COMPRESSED: readonly string[] = ['compress-force=zlib:9', 'compress-force=lzo'];

/** Sectors larger than memory pages, which few kernels mount. mkfs.btrfs fills them. */
const FILLED: readonly string[] = [
  '',
  '-s 65536 -n 65536',
  '-s 16384 -n 65536 -m single',
  '-M --shrink -m single -d single',
];

const opened = (path: string) => openedVolume(path, openBtrfs);

function make(mkfs: string, size?: number): TestVolume {
  const made = makeBtrfs(mkfs.split(' ').filter(Boolean), size);
  onTestFinished(() => made.remove());
  return made;
}

async function expectSame(made: TestVolume, shown: ReadonlyMap<string, ShownFile>): Promise<void> {
  const { files } = await opened(made.path);
  expect(files.unclean).toBeUndefined();
  expect(differencesOf(shown, await readBelow(files))).toEqual([]);
  await expectUsed(made, files);
}

/** The same ranges as in the dump of the trees; the others may be overwritten. */
async function expectUsed(made: TestVolume, files: OpenedFileSystem): Promise<void> {
  const used = await collectRanges(files.usedRanges());
  expect(used).toEqual(usedByTools(made.path));
  expect(await overwriteUnused(made.path, used)).toBeGreaterThan(0);
  expect(isSoundForTools(made.path)).toBe(true);
}

describe.skipIf(NO_BTRFS !== undefined)(`a volume that the kernel filled ${NO_BTRFS ?? ''}`, () => {
  it.each(MOUNTED)('mkfs.btrfs %s', async (mkfs) => {
    const made = make(mkfs);
    const shown = made.mounted('', (root) => {
      populate(root, { scale: 0.08, hasReflinks: true });
      compressible(root);
      subvolumes(root);
      return shownBelow(root);
    });
    await expectSame(made, shown);
    expect(differencesOf(shown, made.mounted('ro', shownBelow))).toEqual([]);
  });

  it('with thousands of files, balanced after a part of them was deleted', async () => {
    const made = make('', 512 * MIB);
    const shown = made.mounted('', (root) => {
      populate(root, { scale: 1, hasReflinks: true });
      runTool('sync', '-f', root);
      for (const folder of [3, 4]) rmSync(join(root, `folder-${folder}`), { recursive: true });
      runTool('btrfs', '-q', 'balance', 'start', '--full-balance', root);
      populate(join(root, 'names'), { scale: 0.3, seed: 2 });
      return shownBelow(root);
    });
    expect(shown.size).toBeGreaterThan(1500);
    await expectSame(made, shown);
    expect(differencesOf(shown, made.mounted('ro', shownBelow))).toEqual([]);
  });

  it('that was extended, shrunk, and changed its profiles', async () => {
    const made = make('-m single', 300 * MIB);
    // Far larger than what is in it: a balance holds the old and the new block groups at the same time.
    runTool('truncate', '--size', String(2048 * MIB + 12_288), made.path);
    const shown = made.mounted('', (root) => {
      populate(root, { scale: 0.05 });
      runTool('sync', '-f', root);
      runTool('btrfs', 'filesystem', 'resize', 'max', root);
      runTool('btrfs', '-q', 'balance', 'start', '-f', '-mconvert=dup', '-dconvert=dup', root);
      runTool('btrfs', 'filesystem', 'resize', '1800M', root);
      return shownBelow(root);
    });
    await expectSame(made, shown);
    expect(differencesOf(shown, made.mounted('ro', shownBelow))).toEqual([]);
  });

  it.each(COMPRESSED)('mounted with %s', async (options) => {
    const made = make('');
    const shown = made.mounted(options, (root) => {
      populate(root, { scale: 0.05, hasReflinks: true });
      compressible(root);
      return shownBelow(root);
    });
    await expectSame(made, shown);
    expect(differencesOf(shown, made.mounted('ro', shownBelow))).toEqual([]);
  });

  it('mounted with compress-force=zstd: its files need a newer Node.js, its free space does not', async () => {
    const made = make('');
    const shown = made.mounted('compress-force=zstd', (root) => {
      compressible(root);
      return shownBelow(root);
    });
    const { files } = await opened(made.path);
    const read = readBelow(files);
    if ('zstdDecompressSync' in zlib) expect(differencesOf(shown, await read)).toEqual([]);
    else await expect(read).rejects.toThrow(/compressed with zstd, which Node.js v\S+ cannot read: use 22.15 or later/);
    await expectUsed(made, files);
    expect(differencesOf(shown, made.mounted('ro', shownBelow))).toEqual([]);
  });

  it('uses only what partclone.btrfs copies', async () => {
    // With DUP, partclone 0.3.23 leaves out second copies.
    const made = make('-m single -d single');
    made.mounted('', (root) => populate(root, { scale: 0.2 }));
    const { files } = await opened(made.path);
    const used = await collectRanges(files.usedRanges());
    const [image, restored, log] = ['image', 'restored', 'log'].map((name) => join(made.folder, name));
    const partclone = (tool: string, ...options: (string | undefined)[]) =>
      runTool(tool, '--logfile', log ?? '', ...options.map((option) => option ?? ''));
    partclone('partclone.btrfs', '--clone', '--source', made.path, '--output', image);
    runTool('truncate', '--size', String(256 * MIB), restored ?? '');
    partclone('partclone.restore', '--source', image, '--overwrite', restored);
    const [original, copy] = [readFileSync(made.path), readFileSync(restored ?? '')];
    const lost = used.filter(
      (range) => !original.subarray(range.offset, endOf(range)).equals(copy.subarray(range.offset, endOf(range))),
    );
    expect(lost).toEqual([]);
  });
});

describe.skipIf(NO_BTRFS !== undefined)(`a volume that mkfs.btrfs filled ${NO_BTRFS ?? ''}`, () => {
  it.each(FILLED)('mkfs.btrfs --rootdir %s', async (options) => {
    const tree = plainTree(1500, 700);
    onTestFinished(() => rmSync(tree, { recursive: true }));
    // mkfs.btrfs gives the root its own permissions.
    chmodSync(tree, 0o755);
    const made = make(`${options} --rootdir ${tree}`.trim(), 600 * MIB);
    await expectSame(made, shownBelow(tree));
  });
});
