import { describe, expect, it } from 'vitest';
import { mountPointsIn, subvolumesIn } from '../../src/volume/fstab.ts';

describe('fstab', () => {
  it('has mount points with their options; comments and broken lines are left out', () => {
    expect(mountPointsIn('# x\nUUID=1 / btrfs subvol=@,ro 0 0\n\tLABEL=a\t/home/  ext4\nbroken\n')).toEqual([
      { device: 'UUID=1', path: '/', fileSystem: 'btrfs', options: 'subvol=@,ro' },
      { device: 'LABEL=a', path: '/home', fileSystem: 'ext4', options: '' },
    ]);
  });

  it('names the subvolumes of the file system of the root, not those of others', () => {
    const mounts = mountPointsIn(
      [
        'UUID=1 / btrfs defaults',
        'UUID=1 /var btrfs subvol=/@/var',
        'UUID=1 /top btrfs noatime,subvolid=5,ro',
        'UUID=1 /both btrfs subvolid=257,subvol=@both',
        'UUID=1 /default btrfs compress=zstd',
        'UUID=2 /data btrfs subvol=data',
        'UUID=1 none btrfs subvol=x',
        '/dev/sda1 /boot ext4 defaults',
      ].join('\n'),
    );
    expect(subvolumesIn(mounts)).toEqual([
      { path: '/var', subvolume: '/@/var' },
      { path: '/top', subvolume: 5 },
      { path: '/both', subvolume: '@both' },
      { path: '/default', subvolume: undefined },
    ]);
    expect(subvolumesIn(mountPointsIn('UUID=1 /var btrfs subvol=x'))).toEqual([]);
  });
});
