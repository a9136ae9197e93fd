// The proxy in the settings of the Windows user. Source: learn.microsoft.com, WinINet (INTERNET_PER_CONN_OPTION), "Internet Settings".
import { execFile } from 'node:child_process';
import { win32 } from 'node:path';

const KEY = String.raw`HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings`;
/** How long reg.exe may take, in milliseconds. */
const QUERY_LIMIT_MS = 5000;

/** Prints the values of a key as `reg query` does. Undefined if it cannot. */
export type QueryKey = (key: string) => Promise<string | undefined>;

export interface WindowsProxy {
  /** As variables of the environment. Empty without a proxy. */
  readonly variables: Readonly<Record<string, string>>;
  /** Address of a script that finds the proxy. */
  readonly script: string | undefined;
}

/** @returns undefined if nothing is set there. */
export async function windowsProxy(query: QueryKey): Promise<WindowsProxy | undefined> {
  const values = valuesIn((await query(KEY)) ?? '');
  const isEnabled = Number(values.get('proxyenable') ?? 0) !== 0;
  const servers = isEnabled ? serversIn(values.get('proxyserver') ?? '') : new Map<string, string>();
  const script = values.get('autoconfigurl') || undefined;
  const variables: Record<string, string> = {};
  for (const protocol of ['https', 'http']) {
    const server = servers.get(protocol) ?? servers.get('');
    if (server !== undefined) variables[`${protocol.toUpperCase()}_PROXY`] = server;
  }
  if (Object.keys(variables).length === 0) return script === undefined ? undefined : { variables: {}, script };
  variables['NO_PROXY'] = exceptionsIn(values.get('proxyoverride') ?? '').join(',');
  return { variables, script };
}

/** Lines of the form "    ProxyEnable    REG_DWORD    0x1". The names in lower case. */
function valuesIn(text: string): ReadonlyMap<string, string> {
  const lines = text.matchAll(/^\s+(\S+)\s+REG_\w+[^\S\r\n]+(.*?)\s*$/gm);
  return new Map([...lines].map(([, name = '', value = '']) => [name.toLowerCase(), value]));
}

/** "proxy:8080" for all protocols, or "http=a:80;https=b:80;socks=c". The proxies by protocol, '' for all. */
function serversIn(text: string): ReadonlyMap<string, string> {
  const servers = new Map<string, string>();
  for (const part of text.split(/[;\s]+/)) {
    const [, protocol = '', server = ''] = /^(?:(\w+)=)?(.+)$/.exec(part) ?? [];
    if (server !== '') servers.set(protocol.toLowerCase(), withScheme(server));
  }
  return servers;
}

function withScheme(server: string): string {
  return /^[a-z]+:\/\//i.test(server) ? server : `http://${server}`;
}

/** The exceptions that NO_PROXY can express: names, "*.example.com", addresses and "10.*". Others, such as "*corp*", are left out. */
function exceptionsIn(text: string): string[] {
  const exceptions = text
    .split(/[;,\s]+/)
    .map((entry) => entry.trim().replace(/^[a-z]+:\/\//i, ''))
    .flatMap((entry) => (entry === '' ? [] : exceptionOf(entry)));
  // Windows never asks a proxy for addresses of this computer.
  return ['localhost', '127.0.0.1', '::1', ...exceptions];
}

function exceptionOf(entry: string): string[] {
  // Names without a dot. The hosts of Azure all have one.
  if (entry === '<local>') return [];
  const network = /^(\d+(?:\.\d+){0,2})\.\*$/.exec(entry.replace(/(?:\.\*)+$/, '.*'))?.[1];
  if (network !== undefined) {
    const parts = network.split('.');
    return [`${[...parts, '0', '0', '0'].slice(0, 4).join('.')}/${parts.length * 8}`];
  }
  const name = entry.replace(/^\*\.?(?=[^*]+$)/, '');
  return name.includes('*') && name !== '*' ? [] : [name];
}

/** Runs reg.exe of Windows. Never fails. */
export function queryRegistry(environment: NodeJS.ProcessEnv): QueryKey {
  // With its folder: for the bare name, Windows would prefer a reg.exe in the current folder.
  const program = win32.join(environment['SystemRoot'] ?? 'C:\\Windows', 'System32', 'reg.exe');
  return (key) =>
    new Promise((resolve) => {
      execFile(program, ['query', key], { windowsHide: true, timeout: QUERY_LIMIT_MS }, (error, stdout) =>
        resolve(error === null ? stdout : undefined),
      );
    });
}
