// VHDs from Windows, qemu, libvhd and others. Independent readers agree on the SHA-256 of each virtual disk.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { CorruptImageError, ParentImageError, UnsupportedImageError } from '../../../src/errors.ts';
import type { DiskImage } from '../../../src/image/disk-image.ts';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { NO_SHARED_IMAGES, sharedImages } from '../../support/shared-images.ts';
import { failureOf, openWatched, readDisk } from '../../support/vhd-fixtures.ts';

beforeEach((context) => context.skip(sharedImages === undefined, NO_SHARED_IMAGES));

function imageAt(name: string): string {
  return join(sharedImages ?? '', name);
}

async function sha256Of(image: DiskImage): Promise<string> {
  return createHash('sha256')
    .update(await readDisk(image))
    .digest('hex');
}

describe('the disk of', () => {
  it.each([
    ['dfvfs/ext2.vhd', 'vhd-dynamic', '870be7ae16c1fa8faab05c6eb9205dc9a7ae35c5f552c5cf8a267c0bc6a5cb99'],
    ['dfvfs/fat-parent.vhd', 'vhd-fixed', 'bbdb657bc5aa2fde44e2456149f9257a862cb84f4668e338b90e357b0fbdf118'],
    [
      'dfvfs/fat-differential.vhd',
      'vhd-differencing',
      'f4b61a33ee2f7e8c19f737792a4107e46340026a9a829e4169b751901cc3ef02',
    ],
    ['dfvfs/ntfs-fixed.vhd', 'vhd-fixed', 'cd81fade3878f1b2957f1ece168201876bdf4e90c9b30f60c2f232eba5fea76c'],
    ['dfvfs/ntfs-dynamic.vhd', 'vhd-dynamic', '8b10b52e3d1e76075d05a5101a6536b9fa8376a5b8f7c22f502d0987d165c876'],
    ['dfvfs/ntfs-parent.vhd', 'vhd-fixed', 'c91d1766dd4b3327f33a082cbf958d3566dd84a3d71c2473a5ae6155e53171de'],
    [
      'dfvfs/ntfs-differential.vhd',
      'vhd-differencing',
      'b7922a46a6b08fa4f4fc0c51a25d5587d1d49f15cfade45ca740dd07110ae144',
    ],
    ['libvhd/base.vhd', 'vhd-dynamic', '2187926eccceb6e9d196f0994f6a63ea8e50fd2b43d61211f295ca4e33b99272'],
    ['libvhd/child.vhd', 'vhd-differencing', 'cfc532c766720ad20b4e909fb24e1757504abdfcf6e61e844f66589182f2a988'],
  ])('%s reads correctly, without a warning', async (name, format, sha256) => {
    const { image, warnings } = await openWatched(imageAt(name));
    expect(image.format).toBe(format);
    expect(await sha256Of(image)).toBe(sha256);
    expect(warnings).toEqual([]);
  });

  it.each([
    [
      'derived/bitmap-clear-over-data-libvhd.vhd',
      ['unmarked-data', 'empty-bitmap'],
      '8a4a6772b02f6eb377367ea7a6d063628d3687f4178d300cdbe0b8f69771fc58',
      '2187926eccceb6e9d196f0994f6a63ea8e50fd2b43d61211f295ca4e33b99272',
    ],
    [
      'derived/bitmap-clear-over-data-qemu.vhd',
      ['unmarked-data'],
      '65d601d925a3d9303714eeadb825a736b7bd3949b2b76d87924939d269605b3f',
      '5cfc06f7ad0d57b3be0e6a50ef7c3cc8e4fe11962bcb1fae3c008aca2e365006',
    ],
  ])(
    '%s honours its bitmap, with a warning, unless the user trusts the data',
    async (name, codes, honoured, trusted) => {
      const path = imageAt(name);
      const { image, warnings } = await openWatched(path);
      expect(await sha256Of(image)).toBe(honoured);
      expect(warnings).toEqual(codes);
      const trusting = await openWatched(path, { trustUnmarkedSectors: true });
      expect(await sha256Of(trusting.image)).toBe(trusted);
      expect(trusting.warnings).toEqual([]);
    },
  );
});

describe('vhdup refuses, with a reason,', () => {
  it.each([
    ['dfvfs/image.vhd', CorruptImageError, /its checksum is 0xfffff683, but its bytes give 0xffffef25/],
    ['dfvfs/image-differential.vhd', CorruptImageError, /its checksum is 0xfffff683, but its bytes give 0xffffeeb6/],
    ['libvhd/child-of-raw.vhd', ParentImageError, /its parent id is zero, so the parent is a raw file/],
    ['libvhd/rawparent.raw', UnsupportedImageError, /no VHD footer .*If it is a raw disk/],
  ])('%s', async (name, kind, message) => {
    const error = await failureOf(openDiskImage(imageAt(name)));
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toMatch(message);
  });
});
