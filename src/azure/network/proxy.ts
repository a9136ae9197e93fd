// The proxy that the environment names, found as the Azure SDK finds it for what it sends by itself (a sign-in).
import { UsageError } from '../../errors.ts';

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

/**
 * @returns undefined where none is named, or NO_PROXY takes the host out.
 * @throws {UsageError} a proxy that is no URL. Shows nothing of it: it may hold a password.
 */
export function proxyFor({ hostname }: URL): ProxyServer | undefined {
  // In the order of the SDK, which takes the first.
  const name = ['HTTPS_PROXY', 'ALL_PROXY', 'HTTP_PROXY'].find(variable);
  if (name === undefined) return undefined;
  const proxy = parseProxy(name, variable(name) ?? '');
  const exceptions = (variable('NO_PROXY') || '').split(',').map((entry) => entry.trim());
  const isException = exceptions.some(
    (entry) => hostname === entry.replace(/^\./, '') || (entry.startsWith('.') && hostname.endsWith(entry)),
  );
  return isException ? undefined : proxy;
}

function variable(name: string): string | undefined {
  return process.env[name] || process.env[name.toLowerCase()];
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
