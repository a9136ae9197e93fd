// Every variant of mkfs.xfs: what the reader shows is what the kernel shows, byte for byte; its free space is that of xfs_db.
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openXfs } from '../../../../src/volume/file-systems/xfs/open-xfs.ts';
import {
  CountingVolume,
  differencesOf,
  readBelow,
  runTool,
  type ShownFile,
  shownBelow,
  type TestVolume,
} from '../../../support/loop-volume.ts';
import { openedVolume } from '../../../support/opened-volume.ts';
import { collectRanges } from '../../../support/volume-ranges.ts';
import {
  freeRanges,
  gapsOf,
  MIB,
  makeXfs,
  makeXfsFrom,
  NO_XFS,
  type Population,
  plainTree,
  populate,
} from '../../../support/xfs-volumes.ts';

/** Arguments of mkfs.xfs, of variants that each kernel mounts. */
const MOUNTED: readonly string[] = [
  '-m finobt=0,reflink=0 -i sparse=0',
  '-m rmapbt=1,reflink=1,inobtcount=1,bigtime=1 -i nrext64=1,sparse=1',
  '-m rmapbt=1 -b size=1024 -d agcount=19 -l size=8m',
  '-b size=1024 -n size=8192',
  '-b size=1024',
  '-b size=2048 -i size=1024',
  '-b size=4096 -n size=65536 -i nrext64=1',
  '-s size=4096 -i size=2048',
  '-l su=32k -d su=64k,sw=4',
  '-l su=256k',
  '-d agcount=1 -l agnum=0',
];

/** Blocks larger than memory pages: Linux mounts them from 6.12 on. */
const LARGE_BLOCKS = ['-b size=8192', '-b size=16384 -n size=65536', '-b size=32768', '-b size=65536 -s size=4096'];

/** Variants that newer kernels no longer mount. mkfs.xfs fills them. */
const FILLED: readonly string[] = [
  '-m crc=0',
  '-m crc=0 -n ftype=1',
  '-m crc=0 -b size=512 -i size=256',
  '-m crc=0 -b size=512 -n size=4096',
  '-m crc=0 -b size=1024 -n size=8192',
  '-m crc=0 -i size=2048 -l version=1',
  '-m crc=0 -l lazy-count=0 -i attr=1,projid32bit=0',
  '-m crc=0 -n version=ci',
  '-m crc=0 -s size=4096 -n size=65536',
  '-m crc=0 -b size=65536 -d agcount=3',
  '-n version=ci',
];

async function expectSame(made: TestVolume, shown: ReadonlyMap<string, ShownFile>): Promise<void> {
  const { files, volume } = await openedVolume(made.path, openXfs);
  expect(files.unclean).toBeUndefined();
  expect(differencesOf(shown, await readBelow(files))).toEqual([]);
  const used = await collectRanges(files.usedRanges());
  expect(used).toEqual(gapsOf(freeRanges(made.path), volume.size));
  expect(used.length).toBeGreaterThan(1);
}

function filled(options: string, population: Population): { made: TestVolume; shown: Map<string, ShownFile> } {
  const made = makeXfs(options.split(' ').filter(Boolean), options.includes('65536 -s') ? 1024 * MIB : undefined);
  onTestFinished(() => made.remove());
  const shown = made.mounted('', (root) => {
    populate(root, population);
    return shownBelow(root);
  });
  return { made, shown };
}

describe.skipIf(NO_XFS !== undefined)(`a volume that the kernel filled ${NO_XFS ?? ''}`, () => {
  it('with thousands of files', async () => {
    const { made, shown } = filled('', { scale: 1, hasReflinks: true });
    expect(shown.size).toBeGreaterThan(4900);
    await expectSame(made, shown);
  });

  it.each(MOUNTED)('%s', async (options) => {
    const { made, shown } = filled(options, { scale: 0.2, hasReflinks: !options.includes('reflink=0') });
    await expectSame(made, shown);
  });

  it.each(LARGE_BLOCKS)('%s', async (options) => {
    const { made, shown } = filled(options, { scale: 0.2, hasReflinks: true });
    await expectSame(made, shown);
  });
});

describe.skipIf(NO_XFS !== undefined)(`a volume that mkfs.xfs filled ${NO_XFS ?? ''}`, () => {
  it.each(FILLED)('%s', async (options) => {
    const tree = plainTree(1500, options.includes('crc=0') ? 700 : 157);
    onTestFinished(() => rmSync(tree, { recursive: true }));
    const made = makeXfsFrom(tree, options.split(' '), options.includes('size=65536 -d') ? 1024 * MIB : undefined);
    onTestFinished(() => made.remove());
    await expectSame(made, shownBelow(tree));
  });
});

describe.skipIf(NO_XFS !== undefined)(`an XFS volume is not clean ${NO_XFS ?? ''}`, () => {
  /** Whether xfs_logprint finds nothing to recover. */
  function isCleanForTools(path: string): boolean {
    return runTool('xfs_logprint', '-t', path).includes('<CLEAN>');
  }

  it('exactly when xfs_logprint says so, over many mounts and around the end of the log', async () => {
    const made = makeXfs(['-l', 'size=1400b'], 64 * MIB);
    onTestFinished(() => made.remove());
    const copy = join(made.folder, 'copy');
    const found: string[] = [];
    const expected: string[] = [];
    const compare = async (path: string) => {
      expected.push(isCleanForTools(path) ? 'clean' : 'unclean');
      found.push((await uncleanIn(path)) === undefined ? 'clean' : 'unclean');
    };
    await compare(made.path);
    for (let round = 0; round < 14; round++) {
      made.mounted('', (root) => {
        for (let file = 0; file < 60 + round * 17; file++) writeFileSync(join(root, `${round}-${file}`), 'text');
        runTool('sync', '-f', root);
        copyFileSync(made.path, copy);
      });
      await compare(copy);
      await compare(made.path);
    }
    expect(found).toEqual(expected);
    expect(new Set(found)).toEqual(new Set(['clean', 'unclean']));
  });

  async function uncleanIn(path: string): Promise<string | undefined> {
    const volume = new CountingVolume(path);
    const { unclean } = await openXfs(volume);
    volume.close();
    return unclean;
  }
});
