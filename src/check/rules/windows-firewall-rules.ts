// Rules about the firewall of Windows.
import {
  FIREWALL_POLICY,
  type FirewallRule,
  firewallRules,
  has,
  isActive,
  isPublic,
} from '../guest/windows-firewall.ts';
import { failForMarketplace, pass, type Rule } from '../rule.ts';
import { type Difference, differences, inSystem, type Setting, warnOf, windowsRule } from './windows-rule.ts';

const PROFILES = { Domain: 'DomainProfile', Private: 'StandardProfile', Public: 'PublicProfile' } as const;

const FIREWALL_ON = windowsRule({
  id: 'windows-firewall',
  sources: ['windows'],
  group: 'remote',
  title: 'Windows Firewall on',
  reason: 'A machine in Azure can have a public address. Microsoft asks for the firewall in all three profiles.',
  run: async (windows) => {
    const found: Difference[] = [];
    for (const [profile, key] of Object.entries(PROFILES)) {
      const policy = `Policies\\Microsoft\\WindowsFirewall\\${key}`;
      const isByPolicy = (await windows.value('software', policy, 'EnableFirewall')) !== undefined;
      const setting: Setting = isByPolicy
        ? { branch: 'software', key: policy, name: 'EnableFirewall', value: 1 }
        : inSystem(`${FIREWALL_POLICY}\\${key}`, 'EnableFirewall', 1);
      const fix = isByPolicy ? 'Change the group policy' : `Set-NetFirewallProfile -Profile ${profile} -Enabled True`;
      for (const one of await differences(windows, [setting])) found.push({ found: one.found, fix });
    }
    return warnOf(found, pass('on in all profiles'));
  },
});

const AZURE_ADDRESS = '168.63.129.16';

const FIREWALL_RDP = windowsRule({
  id: 'windows-firewall-rdp',
  sources: ['windows', 'certification'],
  group: 'remote',
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

/** The address, or the address with a mask for one address. */
function isForAzure(rule: FirewallRule): boolean {
  const addresses = (rule.get('ra4') ?? []).map((address) => address.replace(/\/(?:32|255\.255\.255\.255)$/, ''));
  return addresses.includes(AZURE_ADDRESS);
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
      (rule) => isActive(rule) && has(rule, 'dir', direction) && isForAzure(rule),
    );
    if (isLetThrough) continue;
    const fix = `New-NetFirewallRule -DisplayName AzurePlatform -Direction ${name} -RemoteAddress ${AZURE_ADDRESS} -Profile Any -Action Allow`;
    missing.push({ found: `no rule allows ${AZURE_ADDRESS} ${direction}`, fix });
  }
  return missing;
}

export const WINDOWS_FIREWALL_RULES: readonly Rule[] = [FIREWALL_ON, FIREWALL_RDP];
