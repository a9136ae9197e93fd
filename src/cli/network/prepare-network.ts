// Makes the network of a company work as other programs on the computer do: its certificates, and its proxy on Windows.
import { adoptProxySettings, hasProxyVariables } from '../../azure/network/proxy.ts';
import { adoptIssuers } from '../../azure/network/trusted-issuers.ts';
import type { EventListener } from '../../events.ts';
import { isOn } from '../option-variables.ts';
import { canReadSystemCertificates, trustSystemCertificates } from './system-certificates.ts';
import { type QueryKey, queryRegistry, windowsProxy } from './windows-proxy.ts';

const WINDOWS = 'the proxy settings of Windows';

/** Once for each process: what is set does not change. */
let prepared: Promise<readonly string[]> | undefined;

/** Before the first connection of a command. Never fails. Reports what it finds as `debug` events. */
export async function prepareNetwork(environment: NodeJS.ProcessEnv, onEvent: EventListener): Promise<void> {
  prepared ??= prepare(environment);
  const wanted = environment['VHDUP_SYSTEM_CA'] || undefined;
  if ((wanted === undefined || isOn(wanted)) && canReadSystemCertificates()) {
    adoptIssuers(() => {
      const { added, message } = trustSystemCertificates();
      onEvent({ type: 'debug', message });
      return added > 0;
    });
  }
  for (const message of await prepared) onEvent({ type: 'debug', message });
}

async function prepare(environment: NodeJS.ProcessEnv): Promise<readonly string[]> {
  if (process.platform !== 'win32' || hasProxyVariables()) return [];
  return await adoptWindowsProxy(queryRegistry(environment));
}

/** Uses the proxy of the Windows user. @returns what it found, as sentences. */
export async function adoptWindowsProxy(query: QueryKey): Promise<string[]> {
  const found = await windowsProxy(query);
  if (found === undefined) return [];
  adoptProxySettings(found.variables, WINDOWS, found.script);
  const proxy = found.variables['HTTPS_PROXY'] ?? found.variables['HTTP_PROXY'];
  if (proxy !== undefined) return [`No variable names a proxy. The one in ${WINDOWS} is used.`];
  return [`In ${WINDOWS}, a script finds the proxy (${found.script}). vhdup does not run it.`];
}
