// The rules about the kernel of a Linux: what breaks each of them, and what does not.
import { LINUX_KERNEL_RULES } from '../../../src/check/rules/linux-kernel-rules.ts';
import { LINUX_VERSION_RULES } from '../../../src/check/rules/linux-version-rules.ts';
import {
  CENTOS_6_KERNEL,
  CENTOS_7_KERNEL,
  DEBIAN_KERNEL,
  type GoldenName,
  RHEL_KERNEL,
  SLES_KERNEL,
  UBUNTU_KERNEL,
} from '../../support/golden-distributions.ts';
import {
  type Case,
  type Changes,
  edited,
  exempts,
  fails,
  MARKETPLACE,
  passes,
  stricter,
  testRules,
  text,
  unreadable,
  warns,
} from '../../support/linux-cases.ts';

const GRUB = '/boot/grub/grub.cfg';
const MENU = '/boot/grub/menu.lst';
const BLS = `/boot/loader/entries/0123abcd-${RHEL_KERNEL}.conf`;
const dep = (version: string) => `/lib/modules/${version}/modules.dep`;

/** A CentOS 6 whose default kernel is another one. */
function withKernel(version: string, modules = 'kernel/drivers/hv/hv_vmbus.ko:\n'): Changes {
  return { [MENU]: text('centos6', MENU).replaceAll(CENTOS_6_KERNEL, version), [dep(version)]: modules };
}

function otherKernel(version: string, name: GoldenName = 'debian', from: string = DEBIAN_KERNEL): Changes {
  return { [GRUB]: text(name, GRUB).replaceAll(from, version), [dep(version)]: '' };
}

const CASES: readonly Case[] = [
  // kernel-console
  ...stricter('kernel-console', 'debian', edited('debian', GRUB, 'console=ttyS0,115200n8 ', ''), 'no console=ttyS0'),
  ...stricter('kernel-console', 'rhel', edited('rhel', BLS, 'earlyprintk=ttyS0 ', ''), 'no earlyprintk=ttyS0'),
  ...stricter(
    'kernel-console',
    'centos6',
    edited('centos6', MENU, 'console=ttyS0 earlyprintk=ttyS0 ', ''),
    'no console= (/boot/grub/menu.lst)',
  ),
  passes(
    'kernel-console',
    'debian',
    edited('debian', GRUB, 'console=ttyS0,115200n8 earlyprintk=ttyS0', 'console=ttyAMA0 earlycon=pl011,0xeffec000'),
    'ttyAMA0',
  ),
  unreadable('kernel-console', 'debian', { [GRUB]: undefined }, 'no configuration of GRUB'),

  // kernel-rootdelay
  warns('kernel-rootdelay', 'ubuntu', edited('ubuntu', GRUB, ' rootdelay=300', ''), 'no rootdelay='),
  warns('kernel-rootdelay', 'debian', edited('debian', GRUB, 'rootdelay=300', 'rootdelay=30'), 'rootdelay=30'),
  warns('kernel-rootdelay', 'centos6', edited('centos6', MENU, ' rootdelay=300', ''), 'no rootdelay='),
  warns(
    'kernel-rootdelay',
    'centos7',
    edited('centos7', '/boot/grub2/grub.cfg', ' rootdelay=300', ''),
    'no rootdelay=',
  ),
  ...(['rhel', 'rocky', 'oracle', 'sles'] as const).map((golden) =>
    exempts('kernel-rootdelay', golden, {}, 'does not ask for it'),
  ),

  // kernel-messages
  warns(
    'kernel-messages',
    'rhel',
    edited('rhel', BLS, ' ro ', ' ro rhgb quiet crashkernel=auto '),
    'rhgb quiet crashkernel=auto',
  ),
  warns('kernel-messages', 'debian', edited('debian', GRUB, ' ro ', ' ro quiet '), 'quiet'),
  warns(
    'kernel-messages',
    'sles',
    edited('sles', '/boot/grub2/grub.cfg', ' ro ', ' ro splash=silent quiet '),
    'quiet splash=silent',
  ),
  warns('kernel-messages', 'ubuntu', edited('ubuntu', GRUB, ' ro ', ' ro crashkernel=auto '), 'crashkernel=auto'),

  // kernel-names
  warns('kernel-names', 'rhel', edited('rhel', BLS, ' net.ifnames=0', ''), 'no net.ifnames='),
  warns('kernel-names', 'debian', edited('debian', GRUB, 'net.ifnames=0', 'net.ifnames=1'), 'net.ifnames=1'),
  ...(['ubuntu', 'sles', 'centos6'] as const).map((golden) => exempts('kernel-names', golden, {}, '')),

  // kernel-numa, kernel-lis, oracle-uek2
  warns('kernel-numa', 'centos6', withKernel('2.6.32-431.el6.x86_64'), 'without numa=off'),
  passes(
    'kernel-numa',
    'centos6',
    {
      ...withKernel('2.6.32-431.el6.x86_64'),
      [MENU]: text('centos6', MENU)
        .replaceAll(CENTOS_6_KERNEL, '2.6.32-431.el6.x86_64')
        .replace(' ro ', ' ro numa=off '),
    },
    'with numa=off',
  ),
  warns('kernel-numa', 'debian', otherKernel('2.6.36-1'), 'kernel 2.6.36-1 without numa=off'),
  warns(
    'kernel-lis',
    'centos6',
    {
      ...withKernel('2.6.32-279.el6.x86_64', 'kernel/x.ko:\n'),
      '/etc/redhat-release': 'CentOS release 6.3 (Final)\n',
    },
    'kernel 2.6.32-279.el6.x86_64 has no hv_vmbus',
  ),
  passes(
    'kernel-lis',
    'centos6',
    {
      ...withKernel('2.6.32-279.el6.x86_64', 'extra/microsoft-hyper-v/hv_vmbus.ko:\n'),
      '/etc/redhat-release': 'CentOS release 6.3 (Final)\n',
    },
    'has hv_vmbus',
  ),
  exempts('kernel-lis', 'centos6', {}, 'CentOS release 6.10'),
  fails(
    'oracle-uek2',
    'centos6',
    {
      ...withKernel('2.6.39-400.313.1.el6uek.x86_64'),
      '/etc/oracle-release': 'Oracle Linux Server release 6.10\n',
    },
    '2.6.39-400.313.1.el6uek.x86_64 is started',
  ),
  exempts('oracle-uek2', 'centos6', {}, 'only for Oracle Linux'),

  // kernel-sack
  ...(
    [
      ['centos6', withKernel('2.6.32-754.14.2.el6.x86_64'), 'warn'],
      ['centos6', withKernel('2.6.32-754.15.3.el6.x86_64'), 'pass'],
      ['ubuntu', otherKernel('4.15.0-1041-azure', 'ubuntu', UBUNTU_KERNEL), 'warn'],
      ['ubuntu', otherKernel('4.15.0-1049-azure', 'ubuntu', UBUNTU_KERNEL), 'pass'],
      ['ubuntu', otherKernel('4.15.0-50-generic', 'ubuntu', UBUNTU_KERNEL), 'unread'],
      ['debian', otherKernel('4.19.0-5-amd64'), 'unread'],
      [
        'debian',
        {
          ...otherKernel('4.19.0-5-amd64'),
          '/var/lib/dpkg/status': 'Package: linux-image-4.19.0-5-amd64\nStatus: x\nVersion: 4.19.37-3\n',
        },
        'warn',
      ],
      [
        'debian',
        {
          ...otherKernel('4.19.0-5-amd64'),
          '/var/lib/dpkg/status': 'Package: linux-image-4.19.0-5-amd64\nStatus: x\nVersion: 4.19.37-5+deb10u1\n',
        },
        'pass',
      ],
      [
        'sles',
        {
          '/boot/grub2/grub.cfg': text('sles', '/boot/grub2/grub.cfg').replaceAll(SLES_KERNEL, '4.12.14-95.16-default'),
        },
        'warn',
      ],
      [
        'centos7',
        {
          '/boot/grub2/grub.cfg': text('centos7', '/boot/grub2/grub.cfg').replaceAll(
            CENTOS_7_KERNEL,
            '3.10.0-957.12.2.el7.x86_64',
          ),
        },
        'warn',
      ],
      [
        'oracle',
        {
          '/boot/loader/entries/9.conf': 'linux /vmlinuz-4.14.35-1844.el7uek.x86_64\n',
          '/boot/grub2/grubenv': 'saved_entry=9\n',
        },
        'warn',
      ],
    ] as const
  ).map(
    ([golden, changes, result]): Case => ({
      rule: 'kernel-sack',
      golden,
      changes,
      facts: MARKETPLACE,
      result,
      found: 'kernel ',
    }),
  ),
  exempts('kernel-sack', 'rhel', {}, 'only for marketplace'),

  // kernel-atapi
  warns(
    'kernel-atapi',
    'sles',
    edited('sles', '/boot/grub2/grub.cfg', ' ro ', ' ro libata.atapi_enabled=0 '),
    'libata.atapi_enabled=0',
  ),
  warns(
    'kernel-atapi',
    'sles',
    edited('sles', '/boot/grub2/grub.cfg', ' ro ', ' ro reserve=0x1f0,0x8 '),
    'reserve=0x1f0,0x8',
  ),
];

testRules('rules about the kernel of a Linux', [...LINUX_KERNEL_RULES, ...LINUX_VERSION_RULES], CASES);
