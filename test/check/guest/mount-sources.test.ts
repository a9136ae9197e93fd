import { describe, expect, it } from 'vitest';
import { volumeNamed } from '../../../src/check/guest/mount-sources.ts';
import type { ContentVolume } from '../../../src/volume/content-volumes.ts';

const COMMON = {
  bytes: { size: 0, read: () => Promise.resolve() },
  within: [],
  hasSnapshots: false,
  onDisk: () => [],
} as const;
const PARTITION = {
  index: 2,
  offset: 0,
  length: 0,
  type: '',
  typeName: '',
  role: 'linux',
  isActive: false,
  isLogical: false,
} as const;
const XFS = { type: 'xfs', name: 'XFS', kind: 'file-system' } as const;

const BOOT: ContentVolume = {
  ...COMMON,
  name: 'boot',
  isLogical: false,
  fileSystem: { ...XFS, uuid: 'ab12-CD', label: 'Boot' },
  partition: { ...PARTITION, id: '8e0f2c38', name: 'start' },
};
const ROOT: ContentVolume = {
  ...COMMON,
  name: 'root',
  isLogical: true,
  fileSystem: { ...XFS, uuid: 'ef34' },
  logicalName: { group: 'my-vg', volume: 'the-root' },
};

describe('the volume that a device of fstab names', () => {
  it.each([
    ['UUID=AB12-cd', 'boot'],
    ['UUID="ab12-CD"', 'boot'],
    ['LABEL=Boot', 'boot'],
    ['PARTUUID=8E0F2C38', 'boot'],
    ['PARTLABEL=start', 'boot'],
    ['/dev/disk/by-uuid/ab12-cd', 'boot'],
    ['/dev/disk/by-partlabel/start', 'boot'],
    ['/dev/mapper/my--vg-the--root', 'root'],
    ['/dev/my-vg/the-root', 'root'],
    ['UUID=ef34', 'root'],
  ])('%s is %s', (device, name) => {
    expect(volumeNamed(device, [BOOT, ROOT])?.name).toBe(name);
  });

  it.each(['/dev/mapper/my-vg-the-root', '/dev/my/vg-the-root', '/dev/sda2', 'UUID=', 'UUID=none', 'tmpfs', 'ID=boot'])(
    '%s is none',
    (device) => {
      expect(volumeNamed(device, [BOOT, ROOT])).toBeUndefined();
    },
  );

  it('is none if two volumes have the name, as copies have', () => {
    expect(volumeNamed('UUID=ab12-cd', [BOOT, { ...BOOT, name: 'copy' }])).toBeUndefined();
  });
});
