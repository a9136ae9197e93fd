// The rules about the network of a Linux: what breaks each of them, and what does not.
import { LINUX_NETWORK_RULES } from '../../../src/check/rules/linux-network-rules.ts';
import { type Case, edited, exempts, passes, SPECIALIZED, testRules, text, warns } from '../../support/linux-cases.ts';

const ETH0 = '/etc/sysconfig/network-scripts/ifcfg-eth0';
const WANTS = '/etc/systemd/system/multi-user.target.wants';

const CASES: readonly Case[] = [
  // network
  ...['70-persistent-net.rules', '75-persistent-net-generator.rules', '85-persistent-net-cloud-init.rules'].map(
    (name) => warns('persistent-net-rules', 'sles', { [`/etc/udev/rules.d/${name}`]: 'x' }, name),
  ),
  warns(
    'persistent-net-rules',
    'centos6',
    { '/etc/udev/rules.d/75-persistent-net-generator.rules': undefined },
    '/lib/udev/rules.d/75-persistent-net-generator.rules',
  ),
  ...Object.entries({
    DEVICE: 'eth0',
    ONBOOT: 'yes',
    BOOTPROTO: 'dhcp',
    TYPE: 'Ethernet',
    USERCTL: 'no',
    PEERDNS: 'yes',
    IPV6INIT: 'no',
  }).flatMap(([name, value]): Case[] => [
    warns(
      'network-rhel',
      'centos6',
      edited('centos6', ETH0, `${name}=${value}`, `${name}=other`),
      `${name}=other, not ${value}`,
    ),
    warns('network-rhel', 'centos7', edited('centos7', ETH0, `${name}=${value}\n`, ''), `no ${name}=${value}`),
  ]),
  warns(
    'network-rhel',
    'centos7',
    edited('centos7', ETH0, 'NM_CONTROLLED=no', 'NM_CONTROLLED=yes'),
    'NM_CONTROLLED=yes, not no',
  ),
  warns('network-rhel', 'centos6', { [ETH0]: undefined }, `no ${ETH0}`),
  warns('network-rhel', 'centos6', { [ETH0]: `${text('centos6', ETH0)}HWADDR=00:15:5D:00:00:01\n` }, 'HWADDR in'),
  warns(
    'network-rhel',
    'centos6',
    { '/etc/sysconfig/network': 'NETWORKING=no\nHOSTNAME=localhost.localdomain\n' },
    'NETWORKING=no, not yes',
  ),
  warns(
    'network-rhel',
    'centos6',
    { '/etc/sysconfig/network': 'NETWORKING=yes\nHOSTNAME=build7\n' },
    'HOSTNAME=build7',
  ),
  passes(
    'network-rhel',
    'centos6',
    { '/etc/sysconfig/network': 'NETWORKING=yes\nHOSTNAME=web1\n' },
    'DHCP',
    SPECIALIZED,
  ),
  warns('network-rhel', 'centos6', { '/etc/rc.d/rc3.d/S10network': undefined }, 'no network service starts'),
  warns('network-rhel', 'rhel', { [`${WANTS}/NetworkManager.service`]: undefined }, 'NetworkManager does not start'),
  warns(
    'network-rhel',
    'rhel',
    {
      '/etc/NetworkManager/system-connections/eth0.nmconnection':
        '[ethernet]\nmac-address=00:15:5D:00:00:01\n[ipv4]\nmethod=auto\n',
    },
    'mac-address=00:15:5D:00:00:01',
  ),
  warns(
    'network-rhel',
    'rhel',
    { '/etc/NetworkManager/system-connections/eth0.nmconnection': '[ipv4]\nmethod=manual\n' },
    'method=manual',
  ),
  passes(
    'network-rhel',
    'rhel',
    {
      '/etc/NetworkManager/system-connections/eth0.nmconnection': '[ipv4]\nmethod=auto\n[ipv6]\nmethod=manual\n',
    },
    'NetworkManager',
  ),
  warns('network-rhel', 'rocky', { [ETH0]: 'DEVICE=eth0\nBOOTPROTO=none\nIPADDR=10.0.0.4\n' }, 'a fixed address'),
  exempts('network-rhel', 'debian', {}, 'Debian'),
  warns('network-nm-conflict', 'centos6', { '/usr/sbin/NetworkManager': 'binary' }, '/usr/sbin/NetworkManager'),
  exempts('network-nm-conflict', 'rhel', {}, 'only for version 6'),
  warns(
    'network-sriov',
    'rhel',
    { '/etc/udev/rules.d/68-azure-sriov-nm-unmanaged.rules': undefined },
    'no rule for udev',
  ),
  passes(
    'network-sriov',
    'rhel',
    {
      '/etc/udev/rules.d/68-azure-sriov-nm-unmanaged.rules': undefined,
      '/etc/NetworkManager/conf.d/99-azure-unmanaged-devices.conf':
        '[keyfile]\nunmanaged-devices=driver:mlx4_core,driver:mlx5_core\n',
    },
    '99-azure-unmanaged-devices.conf',
  ),
  passes(
    'network-sriov',
    'rhel',
    {
      '/etc/udev/rules.d/68-azure-sriov-nm-unmanaged.rules': undefined,
      '/usr/lib/udev/rules.d/10-azure-unmanaged-sriov.rules': 'ENV{NM_UNMANAGED}="1"\n',
    },
    '10-azure-unmanaged-sriov.rules',
  ),
  warns(
    'network-sriov',
    'rhel',
    {
      '/etc/udev/rules.d/68-azure-sriov-nm-unmanaged.rules': '-> /dev/null',
      '/usr/lib/udev/rules.d/68-azure-sriov-nm-unmanaged.rules': 'ENV{NM_UNMANAGED}="1"\n',
    },
    'no rule for udev',
  ),
  exempts('network-sriov', 'oracle', {}, 'Oracle'),
  warns('network-suse', 'sles', { '/etc/sysconfig/network/ifcfg-eth0': 'x' }, 'ifcfg-eth0'),
  passes('network-suse', 'sles', { '/etc/sysconfig/network/ifcfg-eth0': 'x' }, 'DHCLIENT', SPECIALIZED),
  warns(
    'network-suse',
    'sles',
    { '/etc/sysconfig/network/dhcp': 'DHCLIENT_SET_HOSTNAME="yes"\n' },
    'DHCLIENT_SET_HOSTNAME=yes',
  ),
  warns('network-suse', 'sles', { '/etc/sysconfig/network/dhcp': undefined }, '(not set)'),
  passes(
    'network-suse',
    'sles',
    {
      '/etc/sysconfig/network/dhcp': undefined,
      '/etc/systemd/system/multi-user.target.wants/NetworkManager.service': '',
    },
    'NetworkManager',
  ),
];

testRules('rules about the network of a Linux', LINUX_NETWORK_RULES, CASES);
