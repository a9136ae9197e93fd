// Volumes after years of use: what is taken for free is what other programs take for free, and a disk that was uploaded without it is sound.
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ByteRange } from '../../../src/base/byte-range.ts';
import { RangeMapBuilder } from '../../../src/base/range-map.ts';
import { downloadImage } from '../../../src/download/download.ts';
import { isZero } from '../../../src/transfer/zero-pages.ts';
import { uploadImage } from '../../../src/upload/upload.ts';
import { verifyBlob } from '../../../src/verify/verify.ts';
import { ageVolume } from '../../support/aged-volume.ts';
import { usedByTools } from '../../support/btrfs-volumes.ts';
import { diskWith, freeSpaceOfFile, reasonsOf } from '../../support/free-space.ts';
import { runTool, shownBelow, TestVolume, whyNoMounts } from '../../support/loop-volume.ts';
import { NO_NTFS_TOOLS } from '../../support/ntfs-volume.ts';
import { blobUrl, useServer } from '../../support/target-server.ts';
import { SMALL_XFS } from '../../support/xfs-volumes.ts';

const MIB = 1024 * 1024;
const NO_TOOLS =
  whyNoMounts(
    'mkfs.ext4',
    'mkfs.xfs',
    'mkfs.btrfs',
    'sfdisk',
    'partclone.ntfs',
    'partclone.extfs',
    'partclone.xfs',
    'btrfs',
  ) ?? NO_NTFS_TOOLS;
/** Where the partition of `diskWith` begins. */
const START = MIB;

const folder = mkdtempSync(join(tmpdir(), 'vhdup-aged-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
useServer();

interface Kind {
  readonly name: string;
  readonly size: number;
  readonly mkfs: readonly string[];
  /** What another program takes for used. */
  readonly used: (path: string) => readonly ByteRange[];
  /** Bytes sent for each byte in use that is not zero: short gaps are sent along. */
  readonly bound: number;
  /** Fails if the volume is not sound. */
  check(path: string): void;
}

const KINDS: readonly Kind[] = [
  {
    name: 'NTFS',
    size: 128,
    mkfs: ['mkntfs', '-F', '-Q', '-q'],
    used: (path) => usedByPartclone('ntfs', path),
    bound: 1.08,
    check: (path) => {
      runTool('ntfsfix', '-n', path);
      runTool('ntfsclone', '--save-image', '--quiet', '--overwrite', join(folder, 'clone'), path);
    },
  },
  {
    name: 'ext4',
    size: 128,
    mkfs: ['mkfs.ext4', '-q', '-F'],
    used: (path) => usedByPartclone('extfs', path),
    bound: 1.08,
    check: (path) => void runTool('e2fsck', '-fn', path),
  },
  {
    name: 'ext3 without checksums',
    size: 64,
    mkfs: ['mkfs.ext3', '-q', '-F', '-b', '1024'],
    used: (path) => usedByPartclone('extfs', path),
    // Blocks of 1 KiB, in pieces.
    bound: 2,
    check: (path) => void runTool('e2fsck', '-fn', path),
  },
  {
    name: 'XFS',
    size: 128,
    mkfs: ['env', ...SMALL_XFS, 'mkfs.xfs', '-q', '-f'],
    used: (path) => usedByPartclone('xfs', path),
    bound: 1.15,
    check: (path) => void runTool('xfs_repair', '-n', path),
  },
  {
    name: 'btrfs',
    size: 192,
    mkfs: ['mkfs.btrfs', '-q', '-f'],
    // partclone.btrfs 0.3.23 copies much that is free, and leaves out second copies.
    used: usedByTools,
    bound: 1.15,
    check: (path) => void runTool('btrfs', 'check', '--readonly', path),
  },
];

/** The ranges that partclone copies. */
function usedByPartclone(kind: string, path: string): ByteRange[] {
  const domain = join(folder, 'domain');
  rmSync(domain, { force: true });
  runTool(`partclone.${kind}`, '-D', '-q', '-s', path, '-o', domain, '-L', join(folder, 'partclone.log'));
  return [...readFileSync(domain, 'utf8').matchAll(/^(0x[0-9A-Fa-f]+)\s+(0x[0-9A-Fa-f]+)\s+\+/gm)].map(
    ([, offset = '', length = '']) => ({ offset: Number(offset), length: Number(length) }),
  );
}

/** Bytes of pages that are not zero and not free. */
function dataIn(path: string, isFree: (range: ByteRange) => boolean): number {
  const file = openSync(path, 'r');
  const page = Buffer.alloc(64 * 1024);
  let bytes = 0;
  for (let at = 0, count = 0; ; at += count) {
    count = readSync(file, page, 0, page.length, at);
    if (count === 0) break;
    for (let offset = 0; offset < count; offset += 512) {
      const one = page.subarray(offset, offset + 512);
      if (!isZero(one) && !isFree({ offset: at + offset, length: 512 })) bytes += 512;
    }
  }
  closeSync(file);
  return bytes;
}

describe.skipIf(NO_TOOLS !== undefined)(`an aged volume ${NO_TOOLS ?? ''}`, () => {
  it.each(KINDS.map((kind) => [kind.name, kind] as const))(
    'with %s comes back sound and complete without its free space',
    async (_, kind) => {
      const volume = new TestVolume(kind.size * MIB);
      try {
        const [program = '', ...args] = kind.mkfs;
        runTool(program, ...args, volume.path);
        volume.mounted('', (mounted) => ageVolume(mounted, { seed: kind.size, largest: 6 * MIB }));
        const disk = await diskWith({ path: volume.path });
        const free = await freeSpaceOfFile(disk);
        expect(reasonsOf(free)).toEqual(['']);

        const used = kind.used(volume.path);
        const oracle = new RangeMapBuilder();
        for (const { offset, length } of used) oracle.add({ offset: START + offset, length });
        const oracleMap = oracle.build();
        expect(used.length).toBeGreaterThan(10);
        const lost = [...free.map.ranges()].filter((range) => oracleMap?.overlaps(range));
        expect(lost).toEqual([]);
        const [found] = free.volumes;
        const extra = (found?.used ?? 0) - (oracleMap?.bytes ?? 0);
        expect(extra).toBeLessThan(0.02 * kind.size * MIB);

        const result = await uploadImage({
          image: disk,
          format: 'raw',
          destination: blobUrl(),
          skipFree: 'all',
          skipChecks: true,
        });
        expect(result.freeSpace?.bytes).toBe(free.map.bytes);
        const plain = dataIn(disk, () => false);
        const needed = dataIn(disk, (range) => free.map.overlaps(range));
        process.stdout.write(
          `${kind.name}: ${plain} bytes of data, ${needed} of them used, ${result.sent} sent, ${extra} more than others in use, ${free.map.count} ranges\n`,
        );
        expect(needed).toBeLessThan(0.8 * plain);
        expect(result.sent).toBeLessThanOrEqual(kind.bound * needed + 512);
        const verified = await verifyBlob({ image: disk, format: 'raw', destination: blobUrl(), full: true });
        expect(verified.matches).toBe(true);

        const back = join(folder, 'back.img');
        await downloadImage({ source: blobUrl(), output: back, format: 'raw', overwrite: true });
        const partition = new TestVolume(kind.size * MIB);
        runTool(
          'dd',
          `if=${back}`,
          `of=${partition.path}`,
          'bs=1M',
          'skip=1',
          `count=${kind.size}`,
          'conv=notrunc',
          'status=none',
        );
        kind.check(partition.path);
        const before = volume.mounted('ro', shownBelow);
        const after = partition.mounted('ro', shownBelow);
        expect(after).toEqual(before);
        expect(after.size).toBeGreaterThan(100);
        partition.remove();
      } finally {
        volume.remove();
      }
    },
  );
});
