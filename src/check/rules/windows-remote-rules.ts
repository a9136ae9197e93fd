// Rules about access to a Windows: Remote Desktop, services, firewall.
// Sources: Microsoft, "Prepare a Windows VHD or VHDX to upload to Azure", "Azure VM image certification".
import { START, type WindowsSystem } from '../guest/windows-system.ts';
import { fail, failForMarketplace, pass, type Rule, warn } from '../rule.ts';
import { type Difference, differences, fixFor, foundIn, type Setting, warnOf, windowsRule } from './windows-rule.ts';

const TERMINAL_SERVER = 'Control\\Terminal Server';
const LISTENER = `${TERMINAL_SERVER}\\WinStations\\RDP-Tcp`;
const POLICY = 'Policies\\Microsoft\\Windows NT\\Terminal Services';

const inSystem = (key: string, name: string, value: number | string): Setting => ({
  branch: 'system',
  key,
  name,
  value,
});
const inPolicy = (name: string, value: number): Setting => ({ branch: 'software', key: POLICY, name, value });

const REMOTE_DESKTOP = windowsRule({
  id: 'windows-rdp',
  title: 'Remote Desktop allowed',
  reason: 'Remote Desktop is the way into a Windows in Azure, and a new Windows denies it.',
  run: async (windows, facts) => {
    const found = await differences(windows, [
      inSystem(TERMINAL_SERVER, 'fDenyTSConnections', 0),
      { ...inPolicy('fDenyTSConnections', 0), mayBeAbsent: true },
    ]);
    return found.length === 0 ? pass('allowed') : failForMarketplace(facts, foundIn(found), fixFor(found));
  },
});

const RDP_LISTENER = windowsRule({
  id: 'windows-rdp-listener',
  title: 'Listener of Remote Desktop',
  reason:
    'Remote Desktop must listen at port 3389 on all network adapters. A certificate of the old machine keeps connections from being made.',
  run: async (windows) => {
    const found = await differences(windows, [
      inSystem(LISTENER, 'PortNumber', 3389),
      inSystem(LISTENER, 'LanAdapter', 0),
      inSystem(LISTENER, 'fEnableWinStation', 1),
      inSystem(LISTENER, 'MaxInstanceCount', 0xffffffff),
    ]);
    const certificate = await windows.value('system', LISTENER, 'SSLCertificateSHA1Hash');
    const own: Difference = {
      found: `${LISTENER} SSLCertificateSHA1Hash is set`,
      fix: `reg delete "HKLM\\SYSTEM\\CurrentControlSet\\${LISTENER}" /v SSLCertificateSHA1Hash /f`,
    };
    return warnOf(certificate === undefined ? found : [...found, own], pass('port 3389, all adapters'));
  },
});

const RDP_NLA = windowsRule({
  id: 'windows-rdp-nla',
  title: 'Network Level Authentication',
  reason: 'With Network Level Authentication, Windows checks the user before it starts a session.',
  run: async (windows) =>
    warnOf(await differences(windows, [inSystem(LISTENER, 'UserAuthentication', 1)]), pass('UserAuthentication is 1')),
});

const RDP_KEEPALIVE = windowsRule({
  id: 'windows-rdp-keepalive',
  title: 'Keepalive of Remote Desktop',
  reason: "Azure's load balancers drop connections that are idle for 4 minutes.",
  run: async (windows) => {
    const found = await differences(windows, [
      inPolicy('KeepAliveEnable', 1),
      inPolicy('KeepAliveInterval', 1),
      { ...inPolicy('fDisableAutoReconnect', 0), mayBeAbsent: true },
      inSystem(LISTENER, 'KeepAliveTimeout', 1),
      inSystem(LISTENER, 'fInheritReconnectSame', 1),
      inSystem(LISTENER, 'fReconnectSame', 0),
    ]);
    return warnOf(found, pass('set'));
  },
});

/** Start types that Microsoft asks for. Automatic is as good as manual. */
const SERVICES: Readonly<Record<string, number>> = {
  BFE: START.automatic,
  Dhcp: START.automatic,
  Dnscache: START.automatic,
  IKEEXT: START.automatic,
  iphlpsvc: START.automatic,
  nsi: START.automatic,
  mpssvc: START.automatic,
  RemoteRegistry: START.automatic,
  w32time: START.automatic,
  Netlogon: START.manual,
  Netman: START.manual,
  TermService: START.manual,
  WerSvc: START.manual,
};
/** Without these there is no network or no Remote Desktop. */
const ESSENTIAL: readonly string[] = ['BFE', 'Dhcp', 'Dnscache', 'nsi', 'mpssvc', 'TermService'];
/** Windows for clients starts these otherwise by default. */
const NOT_ON_CLIENTS: readonly string[] = ['IKEEXT', 'RemoteRegistry', 'w32time'];

const WINDOWS_SERVICES = windowsRule({
  id: 'windows-services',
  title: 'Services',
  reason: 'Azure needs the services for the network, the firewall, the time and Remote Desktop.',
  run: async (windows) => {
    const isClient = (await windows.version()).installationType === 'Client';
    const found: Difference[] = [];
    let isFailure = false;
    for (const [service, wanted] of Object.entries(SERVICES)) {
      if (isClient && NOT_ON_CLIENTS.includes(service)) continue;
      const start = await windows.startOf(service);
      if (start === wanted || start === START.automatic) continue;
      isFailure ||= ESSENTIAL.includes(service) && (start === undefined || start === START.disabled);
      found.push({ found: `${service} ${startText(start)}`, fix: setService(service, wanted) });
    }
    if (isFailure) return fail(foundIn(found), fixFor(found));
    return warnOf(found, pass('set'));
  },
});

function startText(start: number | undefined): string {
  if (start === undefined) return 'is not installed';
  return start === START.disabled ? 'is disabled' : `has the start type ${start}`;
}

function setService(service: string, start: number): string {
  return `Set-Service -Name ${service} -StartupType ${start === START.automatic ? 'Automatic' : 'Manual'}`;
}

const REMOTE_SHELL = windowsRule({
  id: 'windows-remote-shell',
  title: 'Windows Remote Management',
  reason: 'PowerShell remoting is the second way into a machine whose Remote Desktop fails.',
  run: async (windows) => {
    const fix = 'Run in the machine: Enable-PSRemoting -Force';
    const start = await windows.startOf('WinRM');
    if (start !== START.automatic) return warn(`WinRM ${startText(start)}`, fix);
    const isOpen = isActive((await firewallRules(windows)).get('winrm-http-in-tcp'));
    return isOpen
      ? pass('WinRM starts, its firewall rule is active')
      : warn('the firewall rule WINRM-HTTP-In-TCP is not active', fix);
  },
});

const FIREWALL = 'Services\\SharedAccess\\Parameters\\FirewallPolicy';
const PROFILES = { Domain: 'DomainProfile', Private: 'StandardProfile', Public: 'PublicProfile' } as const;

const FIREWALL_ON = windowsRule({
  id: 'windows-firewall',
  title: 'Windows Firewall on',
  reason: 'A machine in Azure can have a public address. Microsoft asks for the firewall in all three profiles.',
  run: async (windows) => {
    const found: Difference[] = [];
    for (const [profile, key] of Object.entries(PROFILES)) {
      const policy = `Policies\\Microsoft\\WindowsFirewall\\${key}`;
      const isByPolicy = (await windows.value('software', policy, 'EnableFirewall')) !== undefined;
      const setting: Setting = isByPolicy
        ? { branch: 'software', key: policy, name: 'EnableFirewall', value: 1 }
        : inSystem(`${FIREWALL}\\${key}`, 'EnableFirewall', 1);
      const fix = isByPolicy ? 'Change the group policy' : `Set-NetFirewallProfile -Profile ${profile} -Enabled True`;
      for (const one of await differences(windows, [setting])) found.push({ found: one.found, fix });
    }
    return warnOf(found, pass('on in all profiles'));
  },
});

const AZURE_ADDRESS = '168.63.129.16';

const FIREWALL_RDP = windowsRule({
  id: 'windows-firewall-rdp',
  title: 'Firewall rules for Azure',
  reason:
    'The network of Azure counts as public. The firewall must let Remote Desktop in there, and the address 168.63.129.16 of the platform in and out.',
  run: async (windows, facts) => {
    const rules = await firewallRules(windows);
    const desktop = rules.get('remotedesktop-usermode-in-tcp') ?? rules.get('remotedesktop-in-tcp');
    if (!isActive(desktop) || !isPublic(desktop)) {
      const found = desktop === undefined ? 'there is no rule for Remote Desktop' : describeRule(desktop);
      return failForMarketplace(
        facts,
        found,
        'Run in the machine: Get-NetFirewallRule -Name RemoteDesktop-UserMode-In-TCP | Set-NetFirewallRule -Enabled True -Profile Any',
      );
    }
    return warnOf(missingRules(rules), pass('Remote Desktop, ping and Azure are let in'));
  },
});

/** Fields of a rule, in lower case. A field can have several values. */
type FirewallRule = ReadonlyMap<string, readonly string[]>;

/** By name in lower case. */
async function firewallRules(windows: WindowsSystem): Promise<ReadonlyMap<string, FirewallRule>> {
  const rules = new Map<string, FirewallRule>();
  for (const [name, data] of await windows.values('system', `${FIREWALL}\\FirewallRules`)) {
    if (data.kind === 'text') rules.set(name.toLowerCase(), parseRule(data.text));
  }
  return rules;
}

/** "v2.27|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|": Microsoft, [MS-GPFAS] 2.2.2. */
function parseRule(text: string): FirewallRule {
  const fields = new Map<string, string[]>();
  for (const field of text.toLowerCase().split('|')) {
    const at = field.indexOf('=');
    if (at > 0) fields.set(field.slice(0, at), [...(fields.get(field.slice(0, at)) ?? []), field.slice(at + 1)]);
  }
  return fields;
}

function isActive(rule: FirewallRule | undefined): rule is FirewallRule {
  return has(rule, 'active', 'true') && has(rule, 'action', 'allow');
}

function isPublic(rule: FirewallRule): boolean {
  return rule.get('profile') === undefined || has(rule, 'profile', 'public');
}

function has(rule: FirewallRule | undefined, field: string, value: string): boolean {
  return rule?.get(field)?.includes(value) === true;
}

function describeRule(rule: FirewallRule): string {
  if (!isActive(rule)) return 'the rule for Remote Desktop is not active';
  return `the rule for Remote Desktop is active for ${rule.get('profile')?.join(', ')} only`;
}

function missingRules(rules: ReadonlyMap<string, FirewallRule>): Difference[] {
  const missing: Difference[] = [];
  if (!isActive(rules.get('fps-icmp4-erq-in'))) {
    const fix = 'Set-NetFirewallRule -Name FPS-ICMP4-ERQ-In -Enabled True';
    missing.push({ found: 'the rule FPS-ICMP4-ERQ-In (ping) is not active', fix });
  }
  for (const [direction, name] of [
    ['in', 'Inbound'],
    ['out', 'Outbound'],
  ] as const) {
    const isLetThrough = [...rules.values()].some(
      (rule) => isActive(rule) && has(rule, 'dir', direction) && has(rule, 'ra4', AZURE_ADDRESS),
    );
    if (isLetThrough) continue;
    const fix = `New-NetFirewallRule -DisplayName AzurePlatform -Direction ${name} -RemoteAddress ${AZURE_ADDRESS} -Profile Any -Action Allow`;
    missing.push({ found: `no rule allows ${AZURE_ADDRESS} ${direction}`, fix });
  }
  return missing;
}

export const WINDOWS_REMOTE_RULES: readonly Rule[] = [
  REMOTE_DESKTOP,
  RDP_LISTENER,
  RDP_NLA,
  RDP_KEEPALIVE,
  WINDOWS_SERVICES,
  REMOTE_SHELL,
  FIREWALL_ON,
  FIREWALL_RDP,
];
