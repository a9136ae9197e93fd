// Relatives of a distribution that have version numbers of their own: rules for old versions of the family do not apply to new ones.
import { describe, expect, it } from 'vitest';
import type { GoldenName } from '../../support/golden-distributions.ts';
import { type Changes, edited, findingOf, findingsOf } from '../../support/linux-cases.ts';

const ALIBABA_3 =
  'ID="alinux"\nID_LIKE="rhel fedora centos anolis"\nVERSION_ID="3"\nPLATFORM_ID="platform:al8"\nPRETTY_NAME="Alibaba Cloud Linux 3 (Soaring Falcon)"\n';
const AMAZON_2 = 'ID="amzn"\nID_LIKE="centos rhel fedora"\nVERSION_ID="2"\nPRETTY_NAME="Amazon Linux 2"\n';
const TENCENT_3 = 'ID="tencentos"\nID_LIKE="rhel fedora centos"\nVERSION_ID="3.1"\nPLATFORM_ID="platform:el8"\n';

const ETH0 = '/etc/sysconfig/network-scripts/ifcfg-eth0';
const SSHD_DEFAULTS = { '/etc/ssh/sshd_config': 'ClientAliveInterval 180\n' };

describe('a relative of Red Hat', () => {
  it.each<[name: string, osRelease: string, golden: GoldenName, changes?: Changes]>([
    ['Alibaba Cloud Linux 3', ALIBABA_3, 'rocky'],
    ['TencentOS 3', TENCENT_3, 'rocky'],
    ['Amazon Linux 2', AMAZON_2, 'centos7', edited('centos7', ETH0, 'NM_CONTROLLED=no\n', '')],
    ['one without a version', 'ID=own\nID_LIKE="rhel"\n', 'rhel'],
  ])(
    '%s passes every rule when it is prepared as the version that it follows',
    async (_, text, golden, changes = {}) => {
      const release = { '/etc/os-release': text, '/etc/centos-release': undefined };
      const findings = await findingsOf(golden, { ...release, ...changes, '/usr/sbin/NetworkManager': 'binary' });
      // Microsoft lists the distributions that it supports with Trusted Launch.
      const broken = findings.filter(({ result }) => ['warn', 'fail', 'unread'].includes(result));
      expect(broken.filter(({ id }) => id !== 'trusted-launch').map(({ id, found }) => `${id}: ${found}`)).toEqual([]);
    },
  );

  it('has the default of the version that it follows', async () => {
    for (const [text, golden, result] of [
      [ALIBABA_3, 'rocky', 'warn'],
      [AMAZON_2, 'centos7', 'warn'],
      ['ID=own\nID_LIKE="rhel"\nVERSION_ID="4"\n', 'rhel', 'pass'],
    ] as const) {
      const changes = { '/etc/os-release': text, '/etc/centos-release': undefined, ...SSHD_DEFAULTS };
      expect(await findingOf('root-login', golden, changes), text).toMatchObject({ result });
    }
  });
});

describe('a relative of Debian or SUSE', () => {
  it.each<[osRelease: string, golden: GoldenName]>([
    ['ID=devuan\nID_LIKE=debian\nVERSION_ID="5"\n', 'debian'],
    ['ID=linuxmint\nID_LIKE=debian\nVERSION_ID="6"\n', 'debian'],
    ['ID=kali\nID_LIKE=debian\nVERSION_ID="2024.1"\n', 'debian'],
    ['ID=raspbian\nID_LIKE=debian\nVERSION_ID="12"\n', 'debian'],
    ['PRETTY_NAME="Debian GNU/Linux trixie/sid"\nID=debian\n', 'debian'],
    ['ID="sle-micro"\nID_LIKE="suse"\nVERSION_ID="5.5"\n', 'sles'],
    ['ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\nVERSION_ID="20240603"\n', 'sles'],
  ])('has the default of new versions: %j', async (text, golden) => {
    const finding = await findingOf('root-login', golden, { '/etc/os-release': text, ...SSHD_DEFAULTS });
    expect(finding).toMatchObject({ result: 'pass', found: expect.stringContaining('prohibit-password') });
  });

  it('has that of SLES 12 as openSUSE Leap 42', async () => {
    const leap = { '/etc/os-release': 'ID=opensuse-leap\nID_LIKE="suse"\nVERSION_ID="42.3"\n', ...SSHD_DEFAULTS };
    expect(await findingOf('root-login', 'sles', leap)).toMatchObject({ result: 'warn' });
  });
});
