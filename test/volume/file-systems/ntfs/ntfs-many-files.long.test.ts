// Large NTFS volumes: thousands of files and names, written and deleted in turns; and volumes that Windows made.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openDiskImage } from '../../../../src/image/open-disk-image.ts';
import { partOf } from '../../../../src/volume/disk.ts';
import { readDiskLayout } from '../../../../src/volume/disk-layout.ts';
import { openNtfs } from '../../../../src/volume/file-systems/ntfs/ntfs-file-system.ts';
import { Picker } from '../../../hostile/random.ts';
import { sampleBytes, writeSampleFiles } from '../../../support/ntfs-files.ts';
import {
  listMounted,
  listRead,
  makeNtfsVolume,
  NO_NTFS_TOOLS,
  volumeOfImage,
  withMount,
} from '../../../support/ntfs-volume.ts';
import { NO_SHARED_IMAGES, sharedImages } from '../../../support/shared-images.ts';

const folder = mkdtempSync(join(tmpdir(), 'vhdup-ntfs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Fills the volume, deletes a third of its files, and fills it again, so that files and indexes lie in pieces. */
function age(mountPoint: string): void {
  const pick = new Picker(11);
  writeSampleFiles(mountPoint, 9, 300);
  const many = join(mountPoint, 'thousands');
  mkdirSync(many);
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 1500; index++) {
      const path = join(many, `${pick.below(10 ** 9)} of round ${round}`);
      writeFileSync(path, sampleBytes(pick, pick.chance(0.1) ? pick.below(100_000) : pick.below(900)));
    }
    for (const name of readdirSync(many)) if (pick.chance(0.33)) rmSync(join(many, name));
  }
}

describe.skipIf(NO_NTFS_TOOLS !== undefined)(`an aged NTFS volume ${NO_NTFS_TOOLS ?? ''}`, () => {
  it.each([
    ['4096', []],
    ['1024', ['-C']],
  ])(
    'with clusters of %s bytes and %j is read as its mount shows it, also without its free clusters',
    async (size, more) => {
      const image = makeNtfsVolume({ folder, size: 256, mkntfs: ['-c', size, ...more], fill: age });
      const volume = volumeOfImage(image);
      const files = await openNtfs(volume);
      const mounted = withMount(image, 'ro', listMounted);
      expect(Object.keys(mounted).length).toBeGreaterThan(2000);
      expect(await listRead(files)).toEqual(mounted);

      const bytes = readFileSync(image);
      const kept = Buffer.alloc(bytes.length, 0x5a);
      for await (const { offset, length } of files.usedRanges() ?? [])
        bytes.copy(kept, offset, offset, offset + length);
      const copy = join(folder, `kept-${size}`);
      writeFileSync(copy, kept);
      expect(() => execFileSync('ntfsfix', ['-n', copy], { stdio: 'ignore' })).not.toThrow();
      expect(withMount(copy, 'ro', listMounted)).toEqual(mounted);
    },
  );
});

describe.skipIf(sharedImages === undefined || NO_NTFS_TOOLS !== undefined)(
  `an NTFS volume that Windows made ${sharedImages === undefined ? NO_SHARED_IMAGES : ''}`,
  () => {
    it.each([
      'ntfs-fixed.vhd',
      'ntfs-dynamic.vhd',
      'ntfs-differential.vhd',
      'ntfs-fixed.vhdx',
      'ntfs-dynamic.vhdx',
      'ntfs-differential.vhdx',
    ])('in %s is read as its mount shows it', async (name) => {
      const image = await openDiskImage(join(sharedImages ?? '', 'dfvfs', name));
      try {
        const [volume] = (await readDiskLayout(image)).volumes;
        if (volume === undefined) throw new RangeError('The disk has no volume.');
        const part = partOf(image, volume.range);
        const files = await openNtfs(part);
        const bytes = Buffer.alloc(part.size);
        await part.read({ offset: 0, length: part.size }, bytes);
        const copy = join(folder, name);
        writeFileSync(copy, bytes);
        expect(files.unclean).toBeUndefined();
        expect(await listRead(files)).toEqual(withMount(copy, 'ro', listMounted));
        let used = 0;
        for await (const { length } of files.usedRanges() ?? []) used += length;
        expect(used).toBeGreaterThan(part.size / 2);
      } finally {
        await image.close();
      }
    });
  },
);
