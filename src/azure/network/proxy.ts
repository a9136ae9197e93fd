// The proxy that the environment names, found as the Azure SDK finds it for what it sends by itself (a sign-in).
import { isIPv6 } from 'node:net';
import { UsageError } from '../../errors.ts';
import { isExcepted } from './proxy-exceptions.ts';

/** Its URL is not kept: it may hold a password. */
export interface ProxyServer {
  /** The variable that names it, for messages. */
  readonly variable: string;
  /** Whether the connection to the proxy itself is TLS. */
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
  /** What it wants to see in each request: `Proxy-Authorization`, where its URL has a user or password. */
  readonly headers: Readonly<Record<string, string>>;
}

/** In the order of the Azure SDK, which takes the first; of plain http, the variable of http comes first, as in curl. */
const FOR_HTTPS = ['HTTPS_PROXY', 'ALL_PROXY', 'HTTP_PROXY'];
const FOR_HTTP = ['HTTP_PROXY', 'ALL_PROXY', 'HTTPS_PROXY'];

/**
 * @returns undefined where none is named, or NO_PROXY takes the host out.
 * @throws {UsageError} a proxy that is no URL. Shows nothing of it: it may hold a password.
 */
export function proxyFor(url: URL): ProxyServer | undefined {
  const name = (url.protocol === 'https:' ? FOR_HTTPS : FOR_HTTP).find(variable);
  if (name === undefined) return undefined;
  const proxy = parseProxy(name, variable(name) ?? '');
  return isExcepted(url, variable('NO_PROXY') ?? '') ? undefined : proxy;
}

/** Without user and password: "proxy.corp:8080, which HTTPS_PROXY names". */
export function describeProxy({ host, port, variable }: ProxyServer): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}, which ${variable} names`;
}

/** Whatever the case of its name; the one in upper case first, then the one in lower case. */
function variable(name: string): string | undefined {
  const any = () => Object.keys(process.env).find((key) => key.toUpperCase() === name && process.env[key]);
  return process.env[name] || process.env[name.toLowerCase()] || process.env[any() ?? name];
}

function parseProxy(name: string, value: string): ProxyServer {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) {
    throw new UsageError(
      `${name} must be the URL of a proxy, as in http://proxy.example.com:8080, but is no such URL.`,
    );
  }
  const url = new URL(value);
  const credentials = credentialsIn(url);
  if (credentials === undefined) {
    throw new UsageError(
      `${name} must be the URL of a proxy, with special characters of user and password as %XX: %40 for @, %23 for #, %25 for %.`,
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

/** "user:password", or undefined where they are not written as a URL wants them. */
function credentialsIn({ username, password, pathname, search, hash }: URL): string | undefined {
  // A bare /, ? or # in a password ends the host early; the rest, up to the @, then looks like a path.
  if (`${pathname}${search}${hash}`.includes('@')) return undefined;
  try {
    return decodeURIComponent(`${username}:${password}`);
  } catch {
    return undefined;
  }
}
