// The rules about what provisions a Linux: what breaks each of them, and what does not.
import { LINUX_AGENT_RULES } from '../../../src/check/rules/linux-agent-rules.ts';
import {
  type Case,
  edited,
  exempts,
  fails,
  MARKETPLACE,
  passes,
  SPECIALIZED,
  stricter,
  testRules,
  text,
  UNKNOWN,
  unreadable,
  warns,
} from '../../support/linux-cases.ts';

const CONF = '/etc/waagent.conf';
const WANTS = '/etc/systemd/system/multi-user.target.wants';
const CLOUD_WANTS = '/etc/systemd/system/cloud-init.target.wants';
const AZURE_CFG = '/etc/cloud/cloud.cfg.d/91-azure_datasource.cfg';
const CLOUD_CFG = '/etc/cloud/cloud.cfg';
const UBUNTU_PYTHON = '/usr/lib/python3/dist-packages';

const CASES: readonly Case[] = [
  // agent
  ...stricter(
    'agent',
    'debian',
    { '/usr/sbin/waagent': undefined, '/usr/bin/cloud-init': undefined },
    'neither the Azure Linux Agent nor cloud-init',
  ),
  fails('agent', 'debian', { '/usr/sbin/waagent': undefined }, 'cloud-init alone', MARKETPLACE),
  passes('agent', 'debian', { '/usr/sbin/waagent': undefined }, '/usr/bin/cloud-init'),
  ...stricter(
    'agent',
    'rhel',
    { '/usr/lib/python3.9/site-packages/azurelinuxagent/common/version.py': "AGENT_VERSION = '2.2.40'\n" },
    'version 2.2.40 of the agent',
  ),
  ...stricter(
    'agent',
    'centos6',
    {
      '/usr/lib/python2.6/site-packages/azurelinuxagent/common/version.py': undefined,
      '/usr/sbin/waagent':
        '#!/usr/bin/python\nGuestAgentName = "WALinuxAgent"\nGuestAgentVersion = "WALinuxAgent-2.0.15"\n',
    },
    'version 2.0.15 of the agent',
  ),
  unreadable(
    'agent',
    'rhel',
    { '/usr/lib/python3.9/site-packages/azurelinuxagent/common/version.py': undefined },
    'its version is not found',
  ),
  passes(
    'agent',
    'rhel',
    {
      '/usr/lib/python3.9/site-packages/azurelinuxagent/common/version.py': undefined,
      '/usr/lib/python3.9/site-packages/WALinuxAgent-2.10.0.8-py3.9.egg/azurelinuxagent/common/version.py':
        "AGENT_VERSION = '2.10.0.8'\n",
    },
    '2.10.0.8',
  ),
  ...stricter('agent', 'ubuntu', { [`${WANTS}/walinuxagent.service`]: undefined }, 'does not start with the system'),
  ...stricter('agent', 'centos6', { '/etc/rc.d/rc3.d/S99waagent': undefined }, 'does not start with the system'),
  ...stricter(
    'agent',
    'debian',
    { '/etc/systemd/system/walinuxagent.service': '-> /dev/null' },
    'does not start with the system',
  ),
  ...stricter('agent', 'debian', { [CONF]: `${text('debian', CONF)}AutoUpdate.Enabled=n\n` }, 'AutoUpdate.Enabled=n'),
  ...stricter(
    'agent',
    'debian',
    { [CONF]: `${text('debian', CONF)}AutoUpdate.UpdateToLatestVersion=n\n` },
    'UpdateToLatestVersion=n',
  ),

  // agent-conf
  warns('agent-conf', 'rhel', edited('rhel', CONF, 'Agent=auto', 'Agent=disabled'), 'Provisioning.Agent=disabled'),
  warns('agent-conf', 'rhel', edited('rhel', CONF, 'Agent=auto', 'Agent=waagent'), 'Provisioning.Agent=waagent'),
  warns('agent-conf', 'rhel', edited('rhel', CONF, 'Format=n', 'Format=y'), 'ResourceDisk.Format=y, not n'),
  warns('agent-conf', 'rhel', edited('rhel', CONF, 'EnableSwap=n', 'EnableSwap=y'), 'ResourceDisk.EnableSwap=y, not n'),
  warns('agent-conf', 'rhel', { [CONF]: undefined }, 'no /etc/waagent.conf'),
  exempts('agent-conf', 'rhel', { '/usr/sbin/waagent': undefined }, 'no Azure Linux Agent'),
  warns('agent-conf', 'sles', edited('sles', CONF, 'Enabled=n', 'Enabled=y'), 'Provisioning.Enabled=y, not n'),
  warns(
    'agent-conf',
    'sles',
    edited('sles', CONF, 'UseCloudInit=auto', 'UseCloudInit=n'),
    'Provisioning.UseCloudInit=n, not y',
  ),
  warns('agent-conf', 'centos6', edited('centos6', CONF, 'Format=y', 'Format=n'), 'ResourceDisk.Format=n, not y'),
  warns('agent-conf', 'centos6', edited('centos6', CONF, '=ext4', '=ext3'), 'Filesystem=ext3, not ext4'),
  warns('agent-conf', 'centos6', edited('centos6', CONF, '/mnt/resource', '/data'), 'MountPoint=/data'),
  passes('agent-conf', 'centos6', edited('centos6', CONF, '/mnt/resource', '/mnt'), 'the agent provisions'),
  warns('agent-conf', 'centos6', edited('centos6', CONF, 'EnableSwap=y', 'EnableSwap=n'), 'EnableSwap=n, not y'),
  warns('agent-conf', 'centos6', edited('centos6', CONF, 'Enabled=y', 'Enabled=n'), 'Provisioning.Enabled=n, not y'),
  warns('agent-conf', 'rhel', {}, 'Provisioning.Agent=auto', SPECIALIZED),
  passes('agent-conf', 'rhel', edited('rhel', CONF, 'Agent=auto', 'Agent=disabled'), 'disabled', SPECIALIZED),
  exempts('agent-conf', 'rhel', {}, '--image', UNKNOWN),

  // cloud-init-azure
  fails('cloud-init-azure', 'rhel', { [AZURE_CFG]: 'datasource_list: [ NoCloud, None ]\n' }, 'NoCloud, None'),
  warns(
    'cloud-init-azure',
    'rhel',
    { [AZURE_CFG]: 'datasource_list:\n  - "Ec2"\n  - None # last\nother: 1\n' },
    'Ec2, None',
  ),
  fails(
    'cloud-init-azure',
    'rhel',
    { '/etc/cloud/cloud.cfg.d/99-last.cfg': 'datasource_list: [\n  None\n]\n' },
    '99-last.cfg',
  ),
  passes('cloud-init-azure', 'rhel', { [AZURE_CFG]: undefined }, 'not set'),
  warns('cloud-init-azure', 'rhel', { '/etc/cloud/cloud-init.disabled': '' }, 'cloud-init.disabled exists'),
  ...['cloud-init-local', 'cloud-init', 'cloud-config', 'cloud-final'].map((unit) =>
    warns(
      'cloud-init-azure',
      'sles',
      { [`${CLOUD_WANTS}/${unit}.service`]: undefined },
      `${unit}.service does not start`,
    ),
  ),
  passes(
    'cloud-init-azure',
    'ubuntu',
    {
      [`${CLOUD_WANTS}/cloud-init.service`]: undefined,
      [`${CLOUD_WANTS}/cloud-init-network.service`]: '-> x',
    },
    'Azure',
  ),
  warns('cloud-init-azure', 'debian', edited('debian', CLOUD_CFG, ' - mounts\n', ''), 'mounts or disk_setup'),
  passes('cloud-init-azure', 'rhel', edited('rhel', CLOUD_CFG, ' - disk_setup\n', ''), 'Azure'),
  unreadable(
    'cloud-init-azure',
    'debian',
    {
      ...edited('debian', CLOUD_CFG, ' - mounts\n', ''),
      [`${UBUNTU_PYTHON}/cloudinit/version.py`]: undefined,
    },
    'the version of cloud-init is not found',
  ),
  exempts('cloud-init-azure', 'centos6', {}, 'no cloud-init'),
  exempts('cloud-init-azure', 'rhel', {}, 'only for generalized', SPECIALIZED),

  // cloud-init-leftovers
  ...[
    '/etc/cloud/cloud.cfg.d/50-curtin-networking.cfg',
    '/etc/cloud/cloud.cfg.d/curtin-preserve-sources.cfg',
    '/etc/cloud/cloud.cfg.d/99-installer.cfg',
    '/etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg',
    '/etc/cloud/ds-identify.cfg',
    '/etc/netplan/00-installer-config.yaml',
  ].map((path) => warns('cloud-init-leftovers', 'ubuntu', { [path]: 'x' }, path)),
  exempts('cloud-init-leftovers', 'debian', { '/etc/cloud/ds-identify.cfg': '' }, 'Debian'),
];

testRules('rules about what provisions a Linux', LINUX_AGENT_RULES, CASES);
