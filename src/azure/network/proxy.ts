// The proxy in the environment, found by the same rules as in the Azure SDK.
import { isIPv6 } from 'node:net';
import { UsageError } from '../../errors.ts';
import { isExcepted } from './proxy-exceptions.ts';

/** Does not store the proxy's URL: it may contain a password. */
export interface ProxyServer {
  /** The environment variable that names the proxy, for messages. */
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
    variable: name,
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
