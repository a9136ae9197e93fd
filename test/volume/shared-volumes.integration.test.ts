// Labels and states of file systems that Windows and Linux wrote.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDiskImage } from '../../src/image/open-disk-image.ts';
import { readDiskLayout } from '../../src/volume/disk-layout.ts';
import { readFileSystemState } from '../../src/volume/file-system-state.ts';
import { NO_SHARED_IMAGES, sharedImages } from '../support/shared-images.ts';

async function statesOn(name: string): Promise<string[]> {
  const image = await openDiskImage(join(sharedImages ?? '', name));
  try {
    const states: string[] = [];
    for (const { range, fileSystem } of (await readDiskLayout(image)).volumes) {
      if (fileSystem === undefined) continue;
      const { state } = await readFileSystemState(image, range, fileSystem);
      states.push(`${fileSystem.type} ${fileSystem.label ?? '-'} ${state}`);
    }
    return states;
  } finally {
    await image.close();
  }
}

describe.skipIf(sharedImages === undefined)(
  `a volume from another system ${sharedImages === undefined ? NO_SHARED_IMAGES : ''}`,
  () => {
    it.each([
      ['dfvfs/ntfs-fixed.vhd', ['ntfs TestVolume clean']],
      ['dfvfs/ntfs-dynamic.vhdx', ['ntfs TestVolume clean']],
      ['dfvfs/ntfs-differential.vhd', ['ntfs TestVolume clean']],
      ['dfvfs/fat-parent.vhdx', ['fat12 - clean']],
      ['dfvfs/ext2.vhd', ['ext2 ext2_test clean']],
      ['discutils/btrfs.vhdx', ['btrfs - clean']],
    ])('in %s', async (name, states) => {
      expect(await statesOn(name)).toEqual(states);
    });
  },
);
