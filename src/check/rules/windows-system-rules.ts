// Rules about a Windows itself: its version, its state, what is installed on it.
// Sources: Microsoft, "Prepare a Windows VHD or VHDX to upload to Azure", "Azure VM image certification".
import { UnreadableError } from '../../volume/file-systems/opened-file-system.ts';
import { describeVersion } from '../../volume/windows-version.ts';
import { START, type WindowsSystem } from '../guest/windows-system.ts';
import { fail, failForMarketplace, onlyFor, pass, type Rule, warn } from '../rule.ts';
import { becomesImage, windowsRule } from './windows-rule.ts';

/** Windows 7 SP1, Server 2008 R2 SP1. */
const FIRST_BUILD = 7601;
/** Windows 8, Server 2012. */
const FIRST_BUILD_WITH_UEFI = 9200;

const VERSION = windowsRule({
  id: 'windows-version',
  sources: ['windows', 'generation2'],
  title: 'Version of Windows',
  reason:
    'Azure runs Windows 7 SP1 and Windows Server 2008 R2 SP1 and later. A machine of generation 2 needs Windows 8 or Windows Server 2012 at least.',
  run: async (windows, { generation }) => {
    const version = await windows.version();
    const found = describeVersion(version);
    if (version.build < FIRST_BUILD) return fail(found, 'Upgrade Windows.');
    if (generation === 2 && version.build < FIRST_BUILD_WITH_UEFI) {
      return fail(`${found}, for generation 2`, 'Upgrade Windows, or create a machine of generation 1.');
    }
    return pass(found);
  },
});

const REGISTRY = windowsRule({
  id: 'windows-registry',
  sources: ['experience'],
  title: 'Registry closed',
  reason:
    'A registry that Windows did not close comes from a machine that was running or was switched off. Windows completes it from its logs at the next start, as this check does.',
  run: ({ dirtyHives, files: { unclean } }) => {
    const found = dirtyHives.length === 0 ? [] : [`the registry was not closed: ${dirtyHives.join(', ')}`];
    if (unclean !== undefined) found.push(`its volume was not closed, so settings may be older: ${unclean}`);
    return Promise.resolve(
      found.length === 0
        ? pass('closed')
        : warn(found.join('; '), 'Run in the machine: shutdown /s /t 0; then copy its disk.'),
    );
  },
});

const ENVIRONMENT = 'Control\\Session Manager\\Environment';

const ARCHITECTURE = windowsRule({
  id: 'windows-64-bit',
  sources: ['windows', 'certification'],
  title: '64-bit Windows',
  reason: 'Azure supports 64-bit Windows. The Marketplace refuses 32-bit images.',
  run: async (windows, facts) => {
    const found = (await windows.text('system', ENVIRONMENT, 'PROCESSOR_ARCHITECTURE')) ?? (await byFolder(windows));
    if (found === 'AMD64') return pass(found);
    if (found === 'ARM64') return pass(`${found}: needs a VM size with an Arm processor`);
    return failForMarketplace(facts, `PROCESSOR_ARCHITECTURE is ${found}`, 'Install a 64-bit Windows.');
  },
});

/** A 64-bit Windows has a folder for 32-bit programs. */
async function byFolder(windows: WindowsSystem): Promise<string> {
  if (await windows.exists('/Windows/SysWOW64')) throw new UnreadableError('PROCESSOR_ARCHITECTURE is not set');
  return 'not set, and there is no folder SysWOW64';
}

/** Written when it hibernates, and while it resumes: a resume that was interrupted starts again. */
const SIGNATURES: readonly string[] = ['hibr', 'rstr'];

const HIBERNATED = windowsRule({
  id: 'windows-hibernated',
  sources: ['experience'],
  title: 'Not hibernated',
  reason:
    'A hibernated Windows continues from the memory of its old machine, whose hardware is gone. Fast startup hibernates at each shutdown.',
  run: async (windows) => {
    const fix = 'Run in the machine: powercfg /h off; then shut it down: shutdown /s /t 0';
    const entry = await windows.files.stat('/hiberfil.sys');
    if (entry?.kind === 'file') {
      const signature = Buffer.from(await windows.files.read('/hiberfil.sys', 0, 4)).toString('latin1');
      if (SIGNATURES.includes(signature.toLowerCase())) return fail('hiberfil.sys holds a hibernated system', fix);
    }
    const fast = await windows.integer('system', 'Control\\Session Manager\\Power', 'HiberbootEnabled');
    return fast === 1 ? warn('HiberbootEnabled is 1 (fast startup)', fix) : pass('not hibernated');
  },
});

const DOMAIN_CONTROLLER = windowsRule({
  id: 'windows-domain-controller',
  sources: ['windows'],
  title: 'No domain controller',
  reason: 'A copy of a domain controller damages its domain, and Sysprep cannot generalize one.',
  run: async (windows, facts) => {
    const type = await windows.text('system', 'Control\\ProductOptions', 'ProductType');
    if (type === undefined) throw new UnreadableError('ProductType is not set');
    if (type.toLowerCase() !== 'lanmannt') return pass(`ProductType is ${type}`);
    const judge = (await becomesImage(windows, facts)) ? fail : warn;
    return judge(
      'a domain controller',
      'Create a new machine in Azure and promote it, or demote this one first: Uninstall-ADDSDomainController',
    );
  },
});

const FOREIGN = [
  'VMTools',
  'vmci',
  'pvscsi',
  'VBoxGuest',
  'VBoxService',
  'xenbus',
  'viostor',
  'netkvm',
  'prl_tools',
] as const;

const FOREIGN_TOOLS = windowsRule({
  id: 'windows-foreign-tools',
  sources: ['windows'],
  title: 'No tools of other hypervisors',
  reason:
    'Drivers and agents of VMware, VirtualBox, Xen, KVM or Parallels do nothing useful on Hyper-V, and may disturb its own.',
  run: async (windows) => {
    const found: string[] = [];
    for (const service of FOREIGN) {
      const start = await windows.startOf(service);
      if (start !== undefined && start !== START.disabled) found.push(service);
    }
    return found.length === 0 ? pass('none') : warn(found.join(', '), 'Uninstall the tools of the other hypervisor.');
  },
});

const ROLES = ['DHCPServer', 'ClusSvc', 'WDSServer', 'WINS', 'SNMP', 'RemoteAccess', 'WLBS', 'WlanSvc'] as const;

const ROLES_OF_SERVER = windowsRule({
  id: 'windows-roles',
  sources: ['certification'],
  title: 'Supported roles',
  reason:
    'Azure does not support these roles and features in a virtual machine. SQL Server has images of its own in the Marketplace.',
  exempt: onlyFor('marketplace'),
  run: async (windows) => {
    const services = await windows.subkeys('system', 'Services');
    if (services === undefined) throw new UnreadableError('the SYSTEM hive has no services');
    const sql = services.filter((name) => /^MSSQL/i.test(name));
    if (sql.length > 0) return fail(sql.join(', '), 'Start from an image of SQL Server in the Marketplace.');
    const found: string[] = [];
    for (const service of ROLES) {
      const start = await windows.startOf(service);
      if (start !== undefined && start <= START.automatic) found.push(service);
    }
    return found.length === 0 ? pass('none') : warn(found.join(', '), 'Remove these roles: Uninstall-WindowsFeature');
  },
});

const AGENTS = ['RdAgent', 'WindowsAzureGuestAgent'] as const;

const AGENT = windowsRule({
  id: 'windows-agent',
  sources: ['windows', 'vmAgent'],
  group: 'provisioning',
  title: 'Azure VM Agent',
  reason:
    'The agent runs extensions: password reset, backup, monitoring. Azure installs it only when it provisions a generalized image.',
  run: async (windows) => {
    const missing: string[] = [];
    for (const service of AGENTS) {
      const problem = await problemOfAgent(windows, service);
      if (problem !== undefined) missing.push(problem);
    }
    return missing.length === 0
      ? pass(AGENTS.join(', '))
      : warn(missing.join('; '), 'Install the VM Agent: https://aka.ms/windowsazureguestagent');
  },
});

async function problemOfAgent(windows: WindowsSystem, service: string): Promise<string | undefined> {
  const image = await windows.text('system', `Services\\${service}`, 'ImagePath');
  if (image === undefined) return `no service ${service}`;
  const path = /^"?(?:%SystemDrive%|[A-Za-z]:)([^"]*?\.exe)/i.exec(image)?.[1]?.replaceAll('\\', '/');
  if (path === undefined) throw new UnreadableError(`the service ${service} starts ${image}`);
  return (await windows.exists(path)) ? undefined : `${path} of the service ${service} is missing`;
}

export const WINDOWS_SYSTEM_RULES: readonly Rule[] = [
  VERSION,
  REGISTRY,
  ARCHITECTURE,
  HIBERNATED,
  DOMAIN_CONTROLLER,
  FOREIGN_TOOLS,
  ROLES_OF_SERVER,
  AGENT,
];
