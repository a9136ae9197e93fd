// Rules about access to a Windows: Remote Desktop, services, remote management.
// Sources: Microsoft, "Prepare a Windows VHD or VHDX to upload to Azure", "Azure VM image certification".
import { firewallRules, isActive } from '../guest/windows-firewall.ts';
import { START } from '../guest/windows-system.ts';
import { fail, failForMarketplace, pass, type Rule, warn } from '../rule.ts';
import {
  type Difference,
  differences,
  fixFor,
  foundIn,
  inSystem,
  type Setting,
  warnOf,
  windowsRule,
} from './windows-rule.ts';

const TERMINAL_SERVER = 'Control\\Terminal Server';
const LISTENER = `${TERMINAL_SERVER}\\WinStations\\RDP-Tcp`;
const POLICY = 'Policies\\Microsoft\\Windows NT\\Terminal Services';

const inPolicy = (name: string, value: number): Setting => ({ branch: 'software', key: POLICY, name, value });

const REMOTE_DESKTOP = windowsRule({
  id: 'windows-rdp',
  sources: ['windows', 'certification'],
  group: 'remote',
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
  sources: ['windows'],
  group: 'remote',
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
  sources: ['windows'],
  group: 'remote',
  title: 'Network Level Authentication',
  reason: 'With Network Level Authentication, Windows checks the user before it starts a session.',
  run: async (windows) =>
    warnOf(await differences(windows, [inSystem(LISTENER, 'UserAuthentication', 1)]), pass('UserAuthentication is 1')),
});

const RDP_KEEPALIVE = windowsRule({
  id: 'windows-rdp-keepalive',
  sources: ['windows'],
  group: 'remote',
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
  sources: ['windows'],
  group: 'remote',
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
  sources: ['windows'],
  group: 'remote',
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

export const WINDOWS_REMOTE_RULES: readonly Rule[] = [
  REMOTE_DESKTOP,
  RDP_LISTENER,
  RDP_NLA,
  RDP_KEEPALIVE,
  WINDOWS_SERVICES,
  REMOTE_SHELL,
];
