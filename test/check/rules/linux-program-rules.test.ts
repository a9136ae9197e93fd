// The rules about programs and ways into a Linux: what breaks each of them, and what does not.
import { LINUX_ACCESS_RULES, LOGIN_RULES } from '../../../src/check/rules/linux-access-rules.ts';
import { LINUX_PACKAGE_RULES } from '../../../src/check/rules/linux-package-rules.ts';
import { UBUNTU_KERNEL } from '../../support/golden-distributions.ts';
import { type Case, fails, passes, stricter, testRules, warns } from '../../support/linux-cases.ts';

const WANTS = '/etc/systemd/system/multi-user.target.wants';

function grubWithRoot(device: string) {
  return { '/boot/grub/grub.cfg': `menuentry x {\n linux /boot/vmlinuz-${UBUNTU_KERNEL} root=${device} ro\n}\n` };
}

const CASES: readonly Case[] = [
  // fstab, swap-file
  warns('fstab', 'rhel', { '/etc/fstab': '/dev/nvme0n1p2 / xfs defaults 0 0\n' }, '/dev/nvme0n1p2 on /'),
  warns('fstab', 'rhel', { '/etc/fstab': '/dev/sda2 / xfs defaults 0 0\n' }, '/dev/sda2 on /'),
  fails('fstab', 'rhel', { '/etc/fstab': '/dev/vda2 / xfs defaults 0 0\n' }, '/dev/vda2 on /'),
  warns(
    'fstab',
    'sles',
    { '/etc/fstab': '/dev/disk/by-id/ata-VMware_Virtual_0001-part2 / btrfs defaults 0 0\n' },
    '/dev/disk/by-id/ata-VMware_Virtual_0001-part2 on /',
  ),
  passes(
    'fstab',
    'sles',
    { '/etc/fstab': '/dev/disk/by-uuid/1 / btrfs rw 0 0\n/dev/disk/azure/x /x xfs rw 0 0\n' },
    '2',
  ),
  fails('fstab', 'ubuntu', grubWithRoot('/dev/vda1'), 'root=/dev/vda1 in the kernel command line'),
  warns('fstab', 'ubuntu', grubWithRoot('/dev/sda1'), 'root=/dev/sda1 in the kernel command line'),
  passes('fstab', 'ubuntu', grubWithRoot('UUID=1'), 'mount'),
  passes(
    'fstab',
    'rhel',
    { '/etc/fstab': '/dev/mapper/rhel-root / xfs defaults 0 0\nLABEL=x /x xfs rw 0 0\n' },
    '2 mounts',
  ),
  ...stricter(
    'swap-file',
    'ubuntu',
    { '/etc/fstab': 'UUID=1 / ext4 rw 0 1\n/swap.img none swap sw 0 0\n' },
    'swap on /swap.img',
  ),
  ...stricter(
    'swap-file',
    'rhel',
    { '/etc/fstab': 'UUID=1 / xfs rw 0 1\n/dev/mapper/rhel-swap none swap sw 0 0\n' },
    'swap on /dev/mapper/rhel-swap',
  ),
  ...stricter('swap-file', 'ubuntu', { '/swapfile': 'x' }, '/swapfile'),
  ...stricter('swap-file', 'ubuntu', { '/swap.img': 'x' }, '/swap.img'),
  passes(
    'swap-file',
    'rhel',
    { '/etc/fstab': 'UUID=1 / xfs rw 0 1\n/mnt/resource/swapfile none swap sw 0 0\n' },
    'none',
  ),

  // packages
  warns('packages', 'rhel', { '/usr/sbin/hypervkvpd': undefined }, 'hv_kvp_daemon'),
  warns('packages', 'ubuntu', { [`/usr/lib/linux-tools/${UBUNTU_KERNEL}/hv_kvp_daemon`]: undefined }, 'hv_kvp_daemon'),
  warns('packages', 'sles', { '/usr/bin/growpart': undefined }, 'no growpart'),
  warns('packages', 'debian', { '/usr/sbin/sgdisk': undefined }, 'no sgdisk'),
  warns(
    'packages',
    'centos6',
    { '/usr/lib/python2.6/site-packages/pyasn1/__init__.py': undefined },
    'no python-pyasn1',
  ),
  warns('packages', 'rhel', { '/usr/lib64/libcrypto.so.3': undefined }, 'no OpenSSL'),
  warns('packages', 'debian', { '/usr/bin/python3.9': undefined }, 'no Python'),

  // sshd, sudo
  ...stricter(
    'sshd-keepalive',
    'rhel',
    { '/etc/ssh/sshd_config': 'ClientAliveInterval 240\n' },
    'ClientAliveInterval 240',
  ),
  passes(
    'sshd-keepalive',
    'sles',
    { '/etc/ssh/sshd_config': undefined, '/usr/etc/ssh/sshd_config': 'ClientAliveInterval 180\n' },
    '/usr/etc/ssh/sshd_config',
  ),
  ...stricter('sshd-enabled', 'rhel', { [`${WANTS}/sshd.service`]: undefined }, 'nothing starts sshd'),
  ...stricter(
    'sshd-enabled',
    'ubuntu',
    { '/etc/systemd/system/sockets.target.wants/ssh.socket': undefined },
    'nothing starts sshd',
  ),
  ...stricter('sshd-enabled', 'centos6', { '/etc/rc.d/rc3.d/S55sshd': undefined }, 'nothing starts sshd'),
  ...stricter('sshd-enabled', 'rhel', { '/usr/sbin/sshd': undefined }, 'no SSH server'),
  passes(
    'sshd-enabled',
    'centos6',
    {
      '/etc/rc.d/rc3.d/S55sshd': undefined,
      '/etc/init/ssh.conf': 'description x\nstart on runlevel [2345]\n',
    },
    '/etc/init/ssh.conf',
  ),
  ...stricter(
    'root-login',
    'rhel',
    { '/etc/ssh/sshd_config': 'PermitRootLogin yes\n' },
    'PermitRootLogin yes (/etc/ssh/sshd_config)',
  ),
  ...stricter('root-login', 'centos6', { '/etc/ssh/sshd_config': 'Port 22\n' }, 'PermitRootLogin yes (not set'),
  passes('root-login', 'rhel', { '/etc/ssh/sshd_config': 'Port 22\n' }, 'prohibit-password'),
  ...stricter(
    'sudoers-targetpw',
    'sles',
    { '/etc/sudoers': 'Defaults targetpw   # ask for the password of root\n' },
    'Defaults targetpw',
  ),
  ...stricter(
    'sudoers-targetpw',
    'sles',
    { '/etc/sudoers.d/all': 'ALL    ALL=(ALL) ALL   # WARNING!\n' },
    '/etc/sudoers.d/all',
  ),
  passes(
    'sudoers-targetpw',
    'sles',
    {
      '/etc/sudoers': '# Defaults targetpw\nDefaults !targetpw\n%wheel ALL=(ALL) ALL\n',
      '/etc/sudoers.d/x.bak': 'Defaults targetpw\n',
    },
    'no targetpw',
  ),
];

testRules(
  'rules about programs and ways into a Linux',
  [...LINUX_PACKAGE_RULES, ...LINUX_ACCESS_RULES, ...LOGIN_RULES],
  CASES,
);
