import { describe, expect, it } from 'vitest';
import { isAtLeast, readDistribution } from '../../../src/check/guest/distribution.ts';
import { LinuxSystem } from '../../../src/check/guest/linux-system.ts';
import { guestTree, type TreeFiles } from '../../support/guest-tree.ts';

function read(files: TreeFiles) {
  return readDistribution(new LinuxSystem({ root: guestTree(files) }));
}

const osRelease = (text: string): TreeFiles => ({ '/etc/os-release': text });

describe('readDistribution', () => {
  it.each([
    ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04.4 LTS"\n', 'ubuntu', 'ubuntu', 22, 4],
    ['ID=debian\nVERSION_ID="12"\n', 'debian', 'debian', 12, 0],
    ['ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\n', 'rhel', 'redhat', 9, 4],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="8.10"\n', 'rocky', 'redhat', 8, 10],
    ['ID="almalinux"\nVERSION_ID="9.3"\n', 'almalinux', 'redhat', 9, 3],
    ['ID="ol"\nID_LIKE="fedora"\nVERSION_ID="8.9"\n', 'ol', 'redhat', 8, 9],
    ['ID="sles"\nID_LIKE="suse"\nVERSION_ID="15.5"\n', 'sles', 'suse', 15, 5],
    ['ID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"\n', 'opensuse-leap', 'suse', 15, 6],
    ['ID=mariner\nVERSION_ID="2.0"\n', 'mariner', 'azurelinux', 2, 0],
    ['ID=flatcar\nID_LIKE=coreos\nVERSION_ID=3815.2.0\n', 'flatcar', 'flatcar', 3815, 2],
    ['ID=fedora\nVERSION_ID=40\n', 'fedora', 'other', 40, 0],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="21"\n', 'linuxmint', 'ubuntu', 21, 0],
    ['garbage', '', 'other', 0, 0],
  ] as const)('reads os-release: %j', async (text, id, family, major, minor) => {
    expect(await read(osRelease(text))).toMatchObject({ id, family, major, minor });
  });

  it.each([
    ['/etc/redhat-release', 'CentOS release 6.10 (Final)\n', 'centos', 6, 10],
    ['/etc/redhat-release', 'Red Hat Enterprise Linux Server release 6.3 (Santiago)\n', 'rhel', 6, 3],
    ['/etc/oracle-release', 'Oracle Linux Server release 6.9\n', 'ol', 6, 9],
  ] as const)('reads %s where there is no os-release', async (path, text, id, major, minor) => {
    const files = { '/etc/redhat-release': 'Red Hat Enterprise Linux Server release 6.9 (Santiago)\n', [path]: text };
    expect(await read(files)).toEqual({ id, family: 'redhat', name: text.trim(), major, minor, familyMajor: 6 });
  });

  it('reads SuSE-release, and the minor version of CentOS 7 from its own file', async () => {
    const suse = { '/etc/SuSE-release': 'SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n' };
    expect(await read(suse)).toMatchObject({ id: 'sles', family: 'suse', major: 11, minor: 4 });
    const centos = {
      ...osRelease('ID="centos"\nVERSION_ID="7"\n'),
      '/etc/centos-release': 'CentOS Linux release 7.9.2009 (Core)\n',
    };
    expect(await read(centos)).toMatchObject({ id: 'centos', major: 7, minor: 9 });
  });

  it.each([
    ['ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="7.9"\n', 7],
    ['ID="scientific"\nID_LIKE="rhel centos fedora"\nVERSION_ID="7.9"\n', 7],
    ['ID="amzn"\nID_LIKE="centos rhel fedora"\nVERSION_ID="2"\n', 7],
    ['ID="alinux"\nID_LIKE="rhel fedora centos anolis"\nVERSION_ID="3"\nPLATFORM_ID="platform:al8"\n', 8],
    ['ID="eurolinux"\nID_LIKE="rhel fedora centos"\nVERSION_ID="9.3"\nPLATFORM_ID="platform:el9"\n', 9],
    ['ID="own"\nID_LIKE="rhel"\nVERSION_ID="4"\n', Number.POSITIVE_INFINITY],
    ['ID="rhel"\n', Number.POSITIVE_INFINITY],
    ['ID=debian\nVERSION_ID="7"\n', 7],
    ['ID=devuan\nID_LIKE=debian\nVERSION_ID="5"\n', Number.POSITIVE_INFINITY],
    ['ID="sle_hpc"\nID_LIKE="suse"\nVERSION_ID="15.5"\n', 15],
    ['ID=opensuse-leap\nVERSION_ID="42.3"\n', 12],
  ])('knows which version of its family a distribution follows: %j', async (text, familyMajor) => {
    expect((await read(osRelease(text))).familyMajor).toBe(familyMajor);
  });

  it('names a Linux of which nothing is known', async () => {
    expect(await read({ '/etc/fstab': '' })).toMatchObject({
      id: '',
      family: 'other',
      name: 'a Linux without os-release',
    });
  });
});

describe('isAtLeast', () => {
  it('compares both numbers', async () => {
    const distribution = await read(osRelease('ID=rhel\nVERSION_ID="8.6"\n'));
    expect(
      (
        [
          [8, 6],
          [8, 5],
          [7, 9],
          [8, 7],
          [9, 0],
        ] as const
      ).map((wanted) => isAtLeast(distribution, wanted)),
    ).toEqual([true, true, true, false, false]);
  });
});
