// Rules about what an image must not carry from its creator: the state of the old machine, its subscription, private keys.
import { posixWord } from '../../base/shell-word.ts';
import type { LinuxSystem } from '../guest/linux-system.ts';
import { onlyGeneralized, type Rule, unlessSpecialized } from '../rule.ts';
import { linuxRule } from './linux-rule.ts';
import { failForMarketplaceOf, type Problem, passForAll, warnOf } from './problems.ts';

const DEPROVISION = 'sudo waagent -force -deprovision+user';
const CLEAN = 'sudo cloud-init clean --logs --seed';

/** Folders that must be empty, each with the command that empties them. */
const STATE_FOLDERS: readonly (readonly [folder: string, fix: string])[] = [
  ['/var/lib/waagent', DEPROVISION],
  ['/var/lib/dhclient', DEPROVISION],
  ['/var/lib/dhcpcd', DEPROVISION],
  ['/var/lib/dhcp', DEPROVISION],
  ['/var/lib/cloud/instances', CLEAN],
];

const STATE_FILES = ['/etc/resolv.conf', '/var/log/waagent.log'] as const;

/** What waagent -deprovision and cloud-init clean remove; the shell histories have a rule of their own. A link to systemd-resolved leads to no file on the disk. */
async function stateOf(system: LinuxSystem): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const [folder, fix] of STATE_FOLDERS) {
    const [name] = await system.names(folder);
    if (name !== undefined) problems.push({ found: `${folder}/${name}`, fix });
  }
  for (const path of STATE_FILES) {
    const entry = await system.look(path);
    if (entry.kind === 'file' && entry.size > 0) problems.push({ found: path, fix: DEPROVISION });
  }
  const leases = (await system.names('/var/lib/NetworkManager')).find((name) => /^dhclient-.*\.lease$/.test(name));
  if (leases !== undefined) problems.push({ found: `/var/lib/NetworkManager/${leases}`, fix: DEPROVISION });
  const keys = (await system.names('/etc/ssh')).filter((name) => /^ssh_host_.*key$/.test(name));
  problems.push(...keys.map((name) => ({ found: `/etc/ssh/${name}`, fix: DEPROVISION })));
  return problems;
}

/** Names of machines that have none, after waagent -deprovision or from an installer of images. */
const NO_NAMES = ['', 'localhost', 'localhost.localdomain'];

/** systemd takes the second one if the first is empty. Usually it is a link to the first (machine-id(5), systemd-machine-id-setup(1)). */
const MACHINE_IDS = ['/etc/machine-id', '/var/lib/dbus/machine-id'] as const;

async function identityOf(system: LinuxSystem): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const name = ((await system.readText('/etc/hostname')) ?? '')
    .split('\n')
    .find((line) => !line.startsWith('#'))
    ?.trim();
  if (!NO_NAMES.includes(name ?? ''))
    problems.push({ found: `the host name ${name} (/etc/hostname)`, fix: DEPROVISION });
  for (const path of MACHINE_IDS) {
    const id = ((await system.readText(path)) ?? '').trim();
    if (id === '' || id === 'uninitialized') continue;
    problems.push({ found: `an id in ${path}`, fix: `sudo truncate -s 0 ${path}` });
  }
  return problems;
}

const DEPROVISIONED = linuxRule({
  id: 'deprovisioned',
  sources: ['linux', 'certification'],
  group: 'accounts',
  title: 'Deprovisioned',
  reason:
    'Machines made from an image must not share its host keys, names, ids and addresses. The agent and cloud-init set up a new machine only if nothing of the old one is left.',
  exempt: onlyGeneralized,
  run: async (system, facts) => {
    const problems = [...(await stateOf(system)), ...(await identityOf(system))];
    return failForMarketplaceOf(facts, problems, 'nothing of the old machine is left');
  },
});

/** Each with the command that ends the subscription. */
const SUBSCRIPTIONS: readonly (readonly [path: string, fix: string])[] = [
  ['/etc/pki/consumer/cert.pem', 'sudo subscription-manager unregister'],
  ['/etc/zypp/credentials.d/SCCcredentials', 'sudo SUSEConnect --de-register'],
  ['/var/lib/ubuntu-advantage/private/machine-token.json', 'sudo pro detach'],
];

const SUBSCRIPTION = linuxRule({
  id: 'subscription',
  sources: ['redHat', 'suse'],
  group: 'accounts',
  title: 'No subscription',
  reason: 'Every machine made from the image would use the subscription of its creator.',
  exempt: onlyGeneralized,
  run: async (system) => {
    const problems: Problem[] = [];
    for (const [path, fix] of SUBSCRIPTIONS) {
      if ((await system.look(path)).kind !== 'absent') problems.push({ found: path, fix });
    }
    return warnOf(problems, 'none');
  },
});

/** Files below a home folder that log their owner in somewhere. */
const CREDENTIALS = [
  '.netrc',
  '.aws/credentials',
  '.azure/accessTokens.json',
  '.azure/msal_token_cache.json',
  '.azure/msal_token_cache.bin',
  '.azure/service_principal_entries.json',
  '.git-credentials',
  '.docker/config.json',
  '.kube/config',
  '.config/gcloud/credentials.db',
] as const;

/** Keys with another name than id_* are found by their first line. */
const PRIVATE_KEY = /^-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** Files of one .ssh examined at most. */
const MAX_KEYS = 50;

async function keysIn(system: LinuxSystem, folder: string, names: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of names) {
    const path = `${folder}/${name}`;
    if (PRIVATE_KEY.test((await system.readStart(path)) ?? '')) found.push(path);
    else if (/^id_/.test(name) && !name.endsWith('.pub')) found.push(path);
  }
  return found;
}

const PRIVATE_KEYS = linuxRule({
  id: 'private-keys',
  sources: ['linux', 'certification'],
  group: 'accounts',
  title: 'No private keys',
  reason: 'Whoever has a machine made from the image could log in wherever its creator can.',
  exempt: unlessSpecialized,
  run: async (system, facts) => {
    const found = new Set<string>();
    const { accounts, isComplete } = await system.accounts();
    let isAll = isComplete;
    for (const { home } of accounts) {
      const names = await system.names(`${home}/.ssh`);
      isAll &&= names.length <= MAX_KEYS;
      for (const key of await keysIn(system, `${home}/.ssh`, names.slice(0, MAX_KEYS))) found.add(key);
      for (const name of CREDENTIALS) {
        const entry = await system.look(`${home}/${name}`);
        if (entry.kind === 'file' && entry.size > 0) found.add(`${home}/${name}`);
      }
    }
    if (found.size === 0) return passForAll({ accounts, isComplete: isAll });
    const problems = [...found].map((path) => ({ found: path, fix: `sudo rm ${posixWord(path)}` }));
    return failForMarketplaceOf(facts, problems, 'none');
  },
});

export const LINUX_IMAGE_RULES: readonly Rule[] = [PRIVATE_KEYS, DEPROVISIONED, SUBSCRIPTION];
