// Rules about what provisions a Linux machine in Azure: the Azure Linux Agent and cloud-init.
import { posixWord } from '../../base/shell-word.ts';
import { cloudInitVersion, findCloudInit, readCloudList } from '../guest/cloud-init.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { findInPython } from '../guest/python-packages.ts';
import { startedBy } from '../guest/services.ts';
import { readSettings, wrongSettings } from '../guest/settings.ts';
import { isVersionAtLeast } from '../guest/version-numbers.ts';
import {
  fail,
  failForMarketplace,
  notApplicable,
  onlyGeneralized,
  pass,
  type Rule,
  unread,
  type Verdict,
  warn,
} from '../rule.ts';
import { linuxRule, onlyFamily } from './linux-rule.ts';
import { failForMarketplaceOf, type Problem, warnOf } from './problems.ts';

const WAAGENT = [
  '/usr/sbin/waagent',
  '/usr/bin/waagent',
  '/sbin/waagent',
  '/usr/local/sbin/waagent',
  '/usr/share/oem/bin/waagent',
] as const;

/** The Marketplace demands it since May 2020. */
const LEAST_AGENT = '2.2.41';

const AGENT_UNITS = ['waagent.service', 'walinuxagent.service'] as const;

/** "2.7.3.0". Agents before 2.1 are one script. Undefined if it is not found. */
async function agentVersion(system: LinuxSystem, program: string): Promise<string | undefined> {
  const path = await findInPython(system, 'azurelinuxagent/common/version.py');
  const text = await system.readStart(path ?? program);
  const pattern =
    path === undefined ? /^GuestAgentVersion\s*=\s*["']WALinuxAgent-([\d.]+)/m : /^AGENT_VERSION\s*=\s*["']([\d.]+)/m;
  return pattern.exec(text ?? '')?.[1];
}

const AGENT = linuxRule({
  id: 'agent',
  sources: ['certification', 'linux'],
  group: 'system',
  title: 'Agent or cloud-init',
  reason:
    'Without the Azure Linux Agent or cloud-init, nothing sets the host name, user and SSH keys, or reports to Azure that the machine is up. The Marketplace requires the agent, from version 2.2.41 on, with automatic updates.',
  run: async (system, facts) => {
    const agent = await system.firstOf(WAAGENT);
    const cloudInit = await findCloudInit(system);
    const install = 'Install walinuxagent (WALinuxAgent) or cloud-init from the distribution.';
    if (agent === undefined) {
      if (cloudInit === undefined)
        return failForMarketplace(facts, 'neither the Azure Linux Agent nor cloud-init', install);
      return facts.purpose === 'marketplace' ? fail(`${cloudInit} alone`, install) : pass(cloudInit);
    }
    const version = await agentVersion(system, agent);
    const problems: Problem[] = [];
    if (version !== undefined && !isVersionAtLeast(version, LEAST_AGENT)) {
      problems.push({
        found: `version ${version} of the agent, older than ${LEAST_AGENT}`,
        fix: 'update walinuxagent (WALinuxAgent) from the distribution',
      });
    }
    const unit = await startedBy(system, AGENT_UNITS);
    if (unit === undefined) {
      problems.push({
        found: `${agent} does not start with the system`,
        fix: 'sudo systemctl enable waagent (on Debian and Ubuntu: walinuxagent)',
      });
    }
    for (const name of ['AutoUpdate.Enabled', 'AutoUpdate.UpdateToLatestVersion']) {
      const value = (await readSettings(system, CONFIGURATION))?.get(name);
      if (value?.toLowerCase() === 'n') {
        problems.push({ found: `${name}=${value} (${CONFIGURATION})`, fix: setAgent(name, 'y') });
      }
    }
    const found = `${agent} ${version ?? ''}`.trimEnd() + (cloudInit === undefined ? '' : ` and ${cloudInit}`);
    if (problems.length === 0 && version === undefined) {
      return unread(
        `${found}: its version is not found`,
        'Check in the guest that waagent -version is 2.2.41 or later.',
      );
    }
    return failForMarketplaceOf(facts, problems, found);
  },
});

const CONFIGURATION = '/etc/waagent.conf';

function setAgent(name: string, value: string): string {
  return `sudo sed -i 's/^${name}=.*/${name}=${value}/' ${CONFIGURATION}`;
}

/** Which program provisions the machine, as the agent decides it (Provisioning.Agent since 2.2.45, two switches before). */
function provisioningProblems(settings: ReadonlyMap<string, string>, hasCloudInit: boolean): readonly Problem[] {
  const agent = settings.get('Provisioning.Agent')?.toLowerCase();
  const wanted = hasCloudInit ? ['auto', 'cloud-init'] : ['auto', 'waagent'];
  if (agent !== undefined) {
    return wanted.includes(agent)
      ? []
      : [{ found: `Provisioning.Agent=${agent}`, fix: setAgent('Provisioning.Agent', 'auto') }];
  }
  const switches = hasCloudInit
    ? { 'Provisioning.Enabled': 'n', 'Provisioning.UseCloudInit': 'y' }
    : { 'Provisioning.Enabled': 'y', 'Provisioning.UseCloudInit': 'n' };
  // SUSE writes auto, which means the same as y where cloud-init is installed.
  const isAuto = settings.get('Provisioning.UseCloudInit')?.toLowerCase() === 'auto';
  return problemsIn(settings, switches, Object.keys(switches)).filter(
    ({ found }) => !(isAuto && hasCloudInit && found.startsWith('Provisioning.UseCloudInit')),
  );
}

function problemsIn(
  settings: ReadonlyMap<string, string>,
  wanted: Readonly<Record<string, string>>,
  mayBeAbsent: readonly string[] = [],
): readonly Problem[] {
  return wrongSettings(settings, wanted, mayBeAbsent).map(({ found, needed }) => {
    const [name = '', value = ''] = needed.split('=');
    return { found, fix: settings.has(name) ? setAgent(name, value) : `echo ${needed} | sudo tee -a ${CONFIGURATION}` };
  });
}

/** cloud-init formats the temporary disk; where it is missing, the agent must. */
function resourceDiskProblems(settings: ReadonlyMap<string, string>, hasCloudInit: boolean): readonly Problem[] {
  if (hasCloudInit) {
    const off = { 'ResourceDisk.Format': 'n', 'ResourceDisk.EnableSwap': 'n' };
    return problemsIn(settings, off, Object.keys(off));
  }
  const mountPoint = settings.get('ResourceDisk.MountPoint') ?? '/mnt/resource';
  return problemsIn(
    settings,
    {
      'ResourceDisk.Format': 'y',
      'ResourceDisk.Filesystem': 'ext4',
      // The guides of Oracle Linux and SUSE use /mnt.
      'ResourceDisk.MountPoint': mountPoint === '/mnt' ? '/mnt' : '/mnt/resource',
      'ResourceDisk.EnableSwap': 'y',
    },
    ['ResourceDisk.MountPoint'],
  );
}

const AGENT_CONFIGURATION = linuxRule({
  id: 'agent-conf',
  sources: ['linux', 'redHat', 'suse', 'ubuntu', 'oracle', 'centOs'],
  group: 'system',
  title: 'Configuration of the agent',
  reason:
    'Exactly one program provisions a new machine and formats the temporary disk: cloud-init where it is installed, otherwise the agent. A machine that continues with its disk must not be provisioned again.',
  exempt: ({ osState }) => (osState === undefined ? 'give --image generalized or specialized to check it' : undefined),
  run: async (system, facts) => {
    if ((await system.firstOf(WAAGENT)) === undefined) return notApplicable('no Azure Linux Agent');
    const settings = await readSettings(system, CONFIGURATION);
    if (settings === undefined) {
      return warn(`no ${CONFIGURATION}`, 'Reinstall walinuxagent (WALinuxAgent), which brings its configuration.');
    }
    const hasCloudInit = (await findCloudInit(system)) !== undefined;
    if (facts.osState === 'specialized') return specialized(settings);
    const problems = [...provisioningProblems(settings, hasCloudInit), ...resourceDiskProblems(settings, hasCloudInit)];
    return warnOf(problems, `${CONFIGURATION}: ${hasCloudInit ? 'cloud-init' : 'the agent'} provisions`);
  },
});

function specialized(settings: ReadonlyMap<string, string>): Verdict {
  const agent = settings.get('Provisioning.Agent')?.toLowerCase();
  const switches = { 'Provisioning.Enabled': 'n', 'Provisioning.UseCloudInit': 'n' };
  const isOff = agent === undefined ? wrongSettings(settings, switches).length === 0 : agent === 'disabled';
  return isOff
    ? pass('provisioning is disabled')
    : warnOf(
        [
          {
            found: `Provisioning.Agent=${agent ?? '(not set)'} (${CONFIGURATION})`,
            fix:
              agent === undefined
                ? `echo Provisioning.Agent=disabled | sudo tee -a ${CONFIGURATION}`
                : setAgent('Provisioning.Agent', 'disabled'),
          },
        ],
        '',
      );
}

/** Each with its name since version 24.3. */
const CLOUD_UNITS: readonly (readonly string[])[] = [
  ['cloud-init-local.service'],
  ['cloud-init.service', 'cloud-init-network.service'],
  ['cloud-config.service'],
  ['cloud-final.service'],
];

const CLOUD_DATA_SOURCE = '/etc/cloud/cloud.cfg.d/91-azure_datasource.cfg';

/** Since this version, cloud-init has these modules in the right stage. */
const MOUNTS_IN_INIT = '23';

const CLOUD_INIT_AZURE = linuxRule({
  id: 'cloud-init-azure',
  sources: ['linux', 'redHat', 'suse', 'ubuntu'],
  group: 'system',
  title: 'cloud-init looks for Azure',
  reason:
    'cloud-init provisions a machine only if it runs and Azure is one of its data sources. Otherwise the machine has no user, and its creation times out.',
  exempt: onlyGeneralized,
  run: async (system) => {
    if ((await findCloudInit(system)) === undefined) return notApplicable('no cloud-init');
    const sources = await readCloudList(system, 'datasource_list');
    const named =
      sources === undefined
        ? 'datasource_list is not set: Azure is one of the defaults'
        : `datasource_list: ${sources.values.join(', ')} (${sources.path})`;
    const problems: Problem[] = [];
    if (sources !== undefined && !sources.values.includes('Azure')) {
      problems.push({ found: named, fix: `echo 'datasource_list: [ Azure ]' | sudo tee ${CLOUD_DATA_SOURCE}` });
    }
    if ((await system.look('/etc/cloud/cloud-init.disabled')).kind !== 'absent') {
      problems.push({ found: '/etc/cloud/cloud-init.disabled exists', fix: 'sudo rm /etc/cloud/cloud-init.disabled' });
    }
    for (const units of CLOUD_UNITS) {
      if ((await startedBy(system, units)) === undefined) {
        problems.push({
          found: `${units[0]} does not start with the system`,
          fix: `sudo systemctl enable ${units[0]}`,
        });
      }
    }
    const stage = await mountsInInit(system);
    if (stage === 'late') {
      problems.push({
        found: 'mounts or disk_setup is not in cloud_init_modules',
        fix: "sudo sed -i -e '/ - mounts/d' -e '/ - disk_setup/d' -e '/^cloud_init_modules/a\\ - mounts\\n - disk_setup' /etc/cloud/cloud.cfg",
      });
    }
    const onlyOther = sources?.values.every((name) => ['None', 'NoCloud'].includes(name)) === true;
    if (onlyOther) {
      const { found, fix = '' } = warnOf(problems, '');
      return fail(found, fix);
    }
    if (problems.length === 0 && stage === 'unknown') {
      return unread(
        'the version of cloud-init is not found',
        'Check in the guest that cloud-init --version is 23 or later.',
      );
    }
    return warnOf(problems, named);
  },
});

async function mountsInInit(system: LinuxSystem): Promise<'early' | 'late' | 'unknown'> {
  const modules = (await readCloudList(system, 'cloud_init_modules'))?.values.map((name) => name.replaceAll('-', '_'));
  if (modules?.includes('mounts') === true && modules.includes('disk_setup')) return 'early';
  const version = await cloudInitVersion(system);
  if (version === undefined) return 'unknown';
  return isVersionAtLeast(version, MOUNTS_IN_INIT) ? 'early' : 'late';
}

const LEFTOVERS = [
  '/etc/cloud/cloud.cfg.d/50-curtin-networking.cfg',
  '/etc/cloud/cloud.cfg.d/curtin-preserve-sources.cfg',
  '/etc/cloud/cloud.cfg.d/99-installer.cfg',
  '/etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg',
  '/etc/cloud/ds-identify.cfg',
] as const;

const CLOUD_INIT_LEFTOVERS = linuxRule({
  id: 'cloud-init-leftovers',
  sources: ['ubuntu'],
  group: 'system',
  title: 'No files of the installer',
  reason:
    'The installer of Ubuntu leaves a network configuration of the old machine, and settings that keep cloud-init from making a new one.',
  exempt: onlyGeneralized,
  exemptDistribution: onlyFamily('ubuntu'),
  run: async (system) => {
    const found: string[] = [];
    for (const path of LEFTOVERS) if ((await system.look(path)).kind !== 'absent') found.push(path);
    const netplan = (await system.names('/etc/netplan')).filter((name) => name.endsWith('.yaml'));
    found.push(...netplan.map((name) => `/etc/netplan/${name}`));
    return warnOf(
      found.map((path) => ({ found: path, fix: `sudo rm ${posixWord(path)}` })),
      'none',
    );
  },
});

export const LINUX_AGENT_RULES: readonly Rule[] = [AGENT, AGENT_CONFIGURATION, CLOUD_INIT_AZURE, CLOUD_INIT_LEFTOVERS];
