// Rules about the network of a Linux: no bonds to the old network card, addresses by DHCP.
import { printable } from '../../base/printable.ts';
import { posixWord } from '../../base/shell-word.ts';
import { linesOf } from '../../volume/fstab.ts';
import type { Distribution } from '../guest/distribution.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { startedBy } from '../guest/services.ts';
import { layeredFiles, readSettings, wrongSettings } from '../guest/settings.ts';
import { pass, type Rule, warn } from '../rule.ts';
import { linuxRule, onlyFamily } from './linux-rule.ts';
import { type Problem, warnOf } from './problems.ts';

const NET_RULES = [
  '/etc/udev/rules.d/70-persistent-net.rules',
  '/etc/udev/rules.d/75-persistent-net-generator.rules',
  '/etc/udev/rules.d/85-persistent-net-cloud-init.rules',
] as const;

const GENERATOR = '75-persistent-net-generator.rules';
const GENERATOR_FOLDERS = ['/lib/udev/rules.d', '/usr/lib/udev/rules.d'] as const;

/** A file of the same name in /etc takes its place: a link to /dev/null disables it. */
async function findGenerator(system: LinuxSystem): Promise<string | undefined> {
  if ((await system.names('/etc/udev/rules.d')).includes(GENERATOR)) return undefined;
  for (const folder of GENERATOR_FOLDERS) {
    const entry = await system.look(`${folder}/${GENERATOR}`);
    if (entry.kind === 'file' && entry.size > 0) return `${folder}/${GENERATOR}`;
  }
  return undefined;
}

/** Only files count: the agent disables a generator by a link to /dev/null. */
const NETWORK_RULES = linuxRule({
  id: 'persistent-net-rules',
  sources: ['oracle', 'suse', 'centOs'],
  group: 'system',
  title: 'No persistent-net rules',
  reason: 'A rule that ties eth0 to the MAC address of the old machine leaves the new one without a network.',
  run: async (system) => {
    const problems: Problem[] = [];
    for (const path of NET_RULES) {
      const entry = await system.look(path);
      if (entry.kind === 'file' && entry.size > 0) problems.push({ found: path, fix: `sudo rm ${path}` });
    }
    const generator = await findGenerator(system);
    if (generator !== undefined) {
      problems.push({ found: generator, fix: `sudo ln -s /dev/null /etc/udev/rules.d/${GENERATOR}` });
    }
    return warnOf(problems, 'no persistent-net rules');
  },
});

const SCRIPTS = '/etc/sysconfig/network-scripts';

/** What the guides for RHEL and CentOS up to 7 ask for, as they write it. */
const ETH0 = {
  DEVICE: 'eth0',
  ONBOOT: 'yes',
  BOOTPROTO: 'dhcp',
  TYPE: 'Ethernet',
  USERCTL: 'no',
  PEERDNS: 'yes',
  IPV6INIT: 'no',
} as const;

/** The guide for CentOS 7 keeps NetworkManager away from the card; that for RHEL 7 leaves it to it, which is the default. */
function eth0Of({ id, familyMajor }: Distribution): Readonly<Record<string, string>> {
  if (familyMajor !== 7) return ETH0;
  return { ...ETH0, NM_CONTROLLED: id === 'centos' ? 'no' : 'yes' };
}

async function oldNetwork(
  system: LinuxSystem,
  distribution: Distribution,
  keepsName: boolean,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const add = (path: string, wrong: ReturnType<typeof wrongSettings>) => {
    problems.push(...wrong.map(({ found, needed }) => ({ found: `${found} (${path})`, fix: setLine(path, needed) })));
  };
  const network = '/etc/sysconfig/network';
  const general = { NETWORKING: 'yes', ...(keepsName ? {} : { HOSTNAME: 'localhost.localdomain' }) };
  add(network, wrongSettings((await readSettings(system, network)) ?? new Map(), general));
  const card = `${SCRIPTS}/ifcfg-eth0`;
  const settings = await readSettings(system, card);
  if (settings === undefined) {
    const lines = Object.entries(eth0Of(distribution)).map(([name, value]) => `${name}=${value}`);
    problems.push({ found: `no ${card}`, fix: `printf '%s\\n' ${lines.join(' ')} | sudo tee ${card}` });
  } else {
    add(card, wrongSettings(settings, eth0Of(distribution), distribution.id === 'centos' ? [] : ['NM_CONTROLLED']));
  }
  if ((await startedBy(system, ['NetworkManager.service', 'network.service'])) === undefined) {
    problems.push({ found: 'no network service starts with the system', fix: 'sudo chkconfig network on' });
  }
  return problems;
}

/** Replaces the line of this name, and adds it where it is missing. */
function setLine(path: string, needed: string): string {
  const name = needed.slice(0, needed.indexOf('='));
  return `${removeLine(path, name)}; echo ${needed} | sudo tee -a ${posixWord(path)}`;
}

function removeLine(path: string, name: string): string {
  return `sudo sed -i '/^${name}=/d' ${posixWord(path)}`;
}

/** Settings of a network card, and of a connection, that fit one machine only. */
async function boundCards(system: LinuxSystem): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const name of await system.names(SCRIPTS)) {
    if (!name.startsWith('ifcfg-') || name === 'ifcfg-lo') continue;
    const path = `${SCRIPTS}/${name}`;
    const settings = (await readSettings(system, path)) ?? new Map<string, string>();
    for (const bond of ['HWADDR', 'UUID']) {
      if (settings.has(bond)) problems.push({ found: `${bond} in ${path}`, fix: removeLine(path, bond) });
    }
    const protocol = settings.get('BOOTPROTO')?.toLowerCase();
    const isFixed = ['none', 'static'].includes(protocol ?? '') || settings.has('IPADDR') || settings.has('IPADDR0');
    if (isFixed) problems.push({ found: `a fixed address in ${path}`, fix: setLine(path, 'BOOTPROTO=dhcp') });
  }
  return problems;
}

const CONNECTIONS = '/etc/NetworkManager/system-connections';

async function boundConnections(system: LinuxSystem): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const name of await system.names(CONNECTIONS)) {
    const path = `${CONNECTIONS}/${name}`;
    const text = (await system.readText(path)) ?? '';
    let section = '';
    for (const line of linesOf(text)) {
      section = /^\[(.*)\]$/.exec(line)?.[1] ?? section;
      const isFixed = section === 'ipv4' && /^method\s*=\s*manual/.test(line);
      const isBound = ['ethernet', '802-3-ethernet'].includes(section) && /^mac-address\s*=/.test(line);
      if (isFixed || isBound) problems.push({ found: `${line} in ${path}`, fix: `sudo rm ${posixWord(path)}` });
    }
  }
  return problems;
}

const NETWORK_RED_HAT = linuxRule({
  id: 'network-rhel',
  sources: ['redHat', 'oracle', 'centOs'],
  group: 'system',
  title: 'Network by DHCP on eth0',
  reason:
    'Azure gives addresses by DHCP, and every machine has another MAC address. A card with a fixed address or the MAC address of the old machine has no network.',
  exemptDistribution: onlyFamily('redhat'),
  run: async (system, { osState }, distribution) => {
    const bound = await boundCards(system);
    if (distribution.familyMajor <= 7) {
      const old = await oldNetwork(system, distribution, osState === 'specialized');
      return warnOf([...old, ...bound], `DHCP on eth0 (${SCRIPTS}/ifcfg-eth0)`);
    }
    const problems = [...bound, ...(await boundConnections(system))];
    if ((await startedBy(system, ['NetworkManager.service'])) === undefined) {
      problems.push({ found: 'NetworkManager does not start', fix: 'sudo systemctl enable NetworkManager.service' });
    }
    return warnOf(problems, 'NetworkManager, without a connection that is bound to one machine');
  },
});

const NETWORK_MANAGER_CONFLICT = linuxRule({
  id: 'network-nm-conflict',
  sources: ['oracle', 'centOs'],
  group: 'system',
  title: 'No NetworkManager on version 6',
  reason: 'NetworkManager of RHEL, CentOS and Oracle Linux 6 interferes with the Azure Linux Agent.',
  exemptDistribution: (distribution) =>
    onlyFamily('redhat')(distribution) ?? (distribution.familyMajor <= 6 ? undefined : 'only for version 6'),
  run: async (system) => {
    const found = await system.firstOf(['/usr/sbin/NetworkManager', '/sbin/NetworkManager']);
    return found === undefined
      ? pass('not installed')
      : warn(found, 'Run in the guest: sudo rpm -e --nodeps NetworkManager');
  },
});

const UDEV_FOLDERS = ['/etc/udev/rules.d', '/usr/lib/udev/rules.d', '/lib/udev/rules.d'] as const;
const MANAGER_FOLDERS = ['/etc/NetworkManager/conf.d', '/usr/lib/NetworkManager/conf.d'] as const;
const MANAGER_CONFIGURATION = '/etc/NetworkManager/NetworkManager.conf';

/** The rule of the guide, and that of the package azure-vm-utils, which has another name. */
async function unmanagedBy(system: LinuxSystem): Promise<string | undefined> {
  const rules = (await layeredFiles(system, UDEV_FOLDERS, '.rules')).filter((path) => path.includes('azure'));
  for (const path of rules) {
    if (linesOf((await system.readText(path)) ?? '').some((line) => line.includes('NM_UNMANAGED'))) return path;
  }
  for (const path of [MANAGER_CONFIGURATION, ...(await layeredFiles(system, MANAGER_FOLDERS, '.conf'))]) {
    const lines = linesOf((await system.readText(path)) ?? '');
    if (lines.some((line) => /^unmanaged-devices\s*\+?=.*driver:mlx[45]_core/.test(line))) return path;
  }
  return undefined;
}

const NETWORK_SRIOV = linuxRule({
  id: 'network-sriov',
  sources: ['redHat', 'centOs'],
  group: 'system',
  title: 'Accelerated networking left alone',
  reason:
    'With accelerated networking a machine has a second card with the same MAC address. NetworkManager must not give it an address too, or connections break.',
  exemptDistribution: ({ id, family, familyMajor, name }) =>
    family === 'redhat' && id !== 'ol' && familyMajor >= 7 ? undefined : `not for ${printable(name)}`,
  run: async (system) => {
    const path = await unmanagedBy(system);
    return path === undefined
      ? warn('no rule for udev, and no unmanaged-devices for NetworkManager', `Run in the guest: ${SRIOV_COMMAND}`)
      : pass(path);
  },
});

const SRIOV_COMMAND =
  'echo \'SUBSYSTEM=="net", DRIVERS=="hv_pci", ACTION!="remove", ENV{NM_UNMANAGED}="1"\' | sudo tee /etc/udev/rules.d/68-azure-sriov-nm-unmanaged.rules';

const NETWORK_SUSE = linuxRule({
  id: 'network-suse',
  sources: ['suse'],
  group: 'system',
  title: 'Network of SUSE',
  reason:
    'A configuration of the old network card keeps a new machine off the network. DHCP must not change the host name that Azure sets.',
  exemptDistribution: onlyFamily('suse'),
  run: async (system, { osState }) => {
    const folder = '/etc/sysconfig/network';
    const problems: Problem[] = [];
    const settings = await readSettings(system, `${folder}/dhcp`);
    const setting = settings?.get('DHCLIENT_SET_HOSTNAME');
    // SLES 16 has NetworkManager alone, which does not read this file.
    const isRead = settings !== undefined || (await startedBy(system, ['NetworkManager.service'])) === undefined;
    if (isRead && setting !== 'no') {
      problems.push({
        found: `DHCLIENT_SET_HOSTNAME=${setting ?? '(not set)'} (${folder}/dhcp)`,
        fix: setLine(`${folder}/dhcp`, 'DHCLIENT_SET_HOSTNAME="no"'),
      });
    }
    const cards = osState === 'generalized' ? await system.names(folder) : [];
    for (const name of cards.filter((one) => one.startsWith('ifcfg-eth'))) {
      problems.push({ found: `${folder}/${name}`, fix: `sudo rm ${posixWord(`${folder}/${name}`)}` });
    }
    return warnOf(problems, isRead ? 'DHCLIENT_SET_HOSTNAME=no' : 'NetworkManager');
  },
});

export const LINUX_NETWORK_RULES: readonly Rule[] = [
  NETWORK_RULES,
  NETWORK_RED_HAT,
  NETWORK_MANAGER_CONFLICT,
  NETWORK_SRIOV,
  NETWORK_SUSE,
];
