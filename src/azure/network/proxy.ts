// The proxy in the environment, found by the same rules as in the Azure SDK.
import { isIPv6 } from 'node:net';
import { printable } from '../../base/printable.ts';
import { redact } from '../../base/redact.ts';
import { UsageError } from '../../errors.ts';
import { isExcepted } from './proxy-exceptions.ts';

/** Does not store the proxy's URL: it may contain a password. */
export interface ProxyServer {
  /** The environment variable that names the proxy, or the settings that it comes from, for messages. */
  readonly variable: string;
  /** Whether the connection to the proxy itself is TLS. */
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
  /** Headers for each request: `Proxy-Authorization`, if the proxy's URL contains a user or password. */
  readonly headers: Readonly<Record<string, string>>;
}

/** In order of precedence, as in the Azure SDK. For plain http, HTTP_PROXY comes first, as in curl. */
const FOR_HTTPS = ['HTTPS_PROXY', 'ALL_PROXY', 'HTTP_PROXY'];
const FOR_HTTP = ['HTTP_PROXY', 'ALL_PROXY', 'HTTPS_PROXY'];

/** Settings of the system that stand for the variables, because none is set. */
interface SystemSettings {
  /** For messages: "the proxy settings of Windows". */
  readonly name: string;
  /** The script that finds the proxy, which vhdup does not run. */
  readonly script?: string | undefined;
  readonly hasProxy: boolean;
}

let systemSettings: SystemSettings | undefined;

/** Whether a variable names a proxy or exceptions. */
export function hasProxyVariables(): boolean {
  return [...FOR_HTTPS, 'NO_PROXY'].some((name) => variable(name) !== undefined);
}

/**
 * Uses settings of the system as if they were variables. They become variables of this process, because the sign-in and other
 * programs look for them there.
 * @param script - The address of a script that finds the proxy; see `scriptAdvice`.
 */
export function adoptProxySettings(
  variables: Readonly<Record<string, string>>,
  name: string,
  script?: string | undefined,
): void {
  Object.assign(process.env, variables);
  systemSettings = { name, script, hasProxy: FOR_HTTPS.some((one) => one in variables) };
}

/** The next step if nothing can be reached without a proxy, and only a script knows the proxy. */
export function scriptAdvice(): string | undefined {
  if (systemSettings?.script === undefined || systemSettings.hasProxy) return undefined;
  return `In ${systemSettings.name}, a script finds the proxy (${printable(redact(systemSettings.script))}). vhdup does not run such scripts. Open it in a browser and set HTTPS_PROXY to the proxy that it names, such as HTTPS_PROXY=http://proxy.example.com:8080.`;
}

/**
 * @returns undefined if no proxy is set, or NO_PROXY excludes the host.
 * @throws {UsageError} the proxy is not a URL. The message does not quote it: it may contain a password.
 */
export function proxyFor(url: URL): ProxyServer | undefined {
  const name = (url.protocol === 'https:' ? FOR_HTTPS : FOR_HTTP).find(variable);
  if (name === undefined) return undefined;
  const proxy = parseProxy(name, variable(name) ?? '');
  return isExcepted(url, variable('NO_PROXY') ?? '') ? undefined : proxy;
}

/** Without user and password: "proxy.corp:8080 (set in HTTPS_PROXY)". */
export function describeProxy({ host, port, variable }: ProxyServer): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port} (set in ${variable})`;
}

/** The variable of this name in any case. Upper case takes precedence, then lower case. */
function variable(name: string): string | undefined {
  const any = () => Object.keys(process.env).find((key) => key.toUpperCase() === name && process.env[key]);
  return process.env[name] || process.env[name.toLowerCase()] || process.env[any() ?? name];
}

function parseProxy(name: string, value: string): ProxyServer {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) {
    throw new UsageError(`${name} is not a valid proxy URL. Set it to a URL such as http://proxy.example.com:8080.`);
  }
  const url = new URL(value);
  const credentials = credentialsIn(url);
  if (credentials === undefined) {
    throw new UsageError(
      `${name} is not a valid proxy URL. Percent-encode special characters in its user and password: %40 for @, %23 for #, %25 for %.`,
    );
  }
  const isSecure = url.protocol === 'https:';
  return {
    variable: systemSettings?.hasProxy === true ? systemSettings.name : name,
    isSecure,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (isSecure ? 443 : 80),
    headers:
      credentials === ':' ? {} : { 'Proxy-Authorization': `Basic ${Buffer.from(credentials).toString('base64')}` },
  };
}

/** "user:password", or undefined if they are not percent-encoded correctly. */
function credentialsIn({ username, password, pathname, search, hash }: URL): string | undefined {
  // An unencoded /, ? or # in a password ends the host early. The rest, up to the @, then looks like a path.
  if (`${pathname}${search}${hash}`.includes('@')) return undefined;
  try {
    return decodeURIComponent(`${username}:${password}`);
  } catch {
    return undefined;
  }
}
