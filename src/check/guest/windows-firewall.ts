// The rules of the firewall of Windows, from the registry.
import type { WindowsSystem } from './windows-system.ts';

/** Below the current control set. */
export const FIREWALL_POLICY = 'Services\\SharedAccess\\Parameters\\FirewallPolicy';

/** Fields of a rule, in lower case. A field can have several values. */
export type FirewallRule = ReadonlyMap<string, readonly string[]>;

/** By name in lower case. */
export async function firewallRules(windows: WindowsSystem): Promise<ReadonlyMap<string, FirewallRule>> {
  const rules = new Map<string, FirewallRule>();
  for (const [name, data] of await windows.values('system', `${FIREWALL_POLICY}\\FirewallRules`)) {
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

export function isActive(rule: FirewallRule | undefined): rule is FirewallRule {
  return has(rule, 'active', 'true') && has(rule, 'action', 'allow');
}

export function isPublic(rule: FirewallRule): boolean {
  return rule.get('profile') === undefined || has(rule, 'profile', 'public');
}

export function has(rule: FirewallRule | undefined, field: string, value: string): boolean {
  return rule?.get(field)?.includes(value) === true;
}
